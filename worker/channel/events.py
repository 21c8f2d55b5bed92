"""What a worker tells without being asked: one row per event, and the bodies.

::

    {"targetId": "<object id>", "event": "score", "data": {…}}     data is absent where the body is NoneType
"""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType
from typing import Final

from .bodies.base import Body, DtlsState, IceState, SctpState
from .bodies.data_producer import DataMessage
from .bodies.transport import ConsumerLayers, ConsumerScore, TransportTuple
from .bodies.worker import WorkerDropped, WorkerFaults

TraceValue = int | float | bool | str


class IceStateChange(Body, frozen=True, kw_only=True):
    """``icestatechange`` of a WebRtcTransport."""

    ice_state: IceState


class IceSelectedTupleChange(Body, frozen=True, kw_only=True):
    """``iceselectedtuplechange`` of a WebRtcTransport."""

    ice_selected_tuple: TransportTuple


class DtlsStateChange(Body, frozen=True, kw_only=True):
    """``dtlsstatechange`` of a WebRtcTransport; the remote certificate (PEM) stands with ``connected``."""

    dtls_state: DtlsState
    dtls_remote_cert: str | None = None


class SctpStateChange(Body, frozen=True, kw_only=True):
    """``sctpstatechange`` of a transport with SCTP."""

    sctp_state: SctpState


class TupleChange(Body, frozen=True, kw_only=True):
    """``tuple`` of a PlainTransport with comedia: the remote address is known now."""

    tuple: TransportTuple


class RtcpTupleChange(Body, frozen=True, kw_only=True):
    """``rtcptuple`` of a PlainTransport with comedia and without RTCP-mux."""

    rtcp_tuple: TransportTuple


class Trace(Body, frozen=True, kw_only=True):
    """``trace`` of a transport (probation, bwe), producer or consumer (rtp, keyframe, nack, pli, fir).

    ``timestamp`` in ms of the monotonic clock, ``direction`` is ``in`` or ``out``, ``info`` depends on the type (of a
    packet: payloadType, sequenceNumber, timestamp, marker, ssrc, isKeyFrame, size, payloadSize, spatialLayer,
    temporalLayer, and mid, rid, rrid, wideSequenceNumber where it has them).
    """

    type: str
    timestamp: int
    direction: str
    info: dict[str, TraceValue]


class ProducerScore(Body, frozen=True, kw_only=True):
    """An entry of a producer's ``score``: one received stream, 0..10."""

    encoding_idx: int
    ssrc: int
    score: int
    rid: str | None = None


class VideoOrientation(Body, frozen=True, kw_only=True):
    """``videoorientationchange`` of a producer; ``rotation`` in degrees clockwise: 0, 90, 180, 270."""

    camera: bool
    flip: bool
    rotation: int


class BufferedAmountLow(Body, frozen=True, kw_only=True):
    """``bufferedamountlow`` of a data consumer, in bytes."""

    buffered_amount: int


class Volume(Body, frozen=True, kw_only=True):
    """An entry of an AudioLevelObserver's ``volumes``, loudest first; dBvo (-127..0)."""

    producer_id: str
    volume: int


class DominantSpeaker(Body, frozen=True, kw_only=True):
    """``dominantspeaker`` of an ActiveSpeakerObserver."""

    producer_id: str


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of event: whose, its name, the type of its body; ``payload``: it comes on the payload channel."""

    target: str
    name: str
    body: object
    payload: bool = False


EVENTS: Final = (
    Event("worker", "running", NoneType),
    Event("worker", "faults", WorkerFaults),
    Event("worker", "dropped", WorkerDropped),
    Event("webRtcTransport", "icestatechange", IceStateChange),
    Event("webRtcTransport", "iceselectedtuplechange", IceSelectedTupleChange),
    Event("webRtcTransport", "dtlsstatechange", DtlsStateChange),
    Event("webRtcTransport", "sctpstatechange", SctpStateChange),
    Event("webRtcTransport", "trace", Trace),
    Event("plainTransport", "tuple", TupleChange),
    Event("plainTransport", "rtcptuple", RtcpTupleChange),
    Event("plainTransport", "sctpstatechange", SctpStateChange),
    Event("plainTransport", "trace", Trace),
    Event("pipeTransport", "sctpstatechange", SctpStateChange),
    Event("pipeTransport", "trace", Trace),
    Event("directTransport", "rtcp", NoneType, payload=True),
    Event("directTransport", "trace", Trace),
    Event("producer", "score", list[ProducerScore]),
    Event("producer", "videoorientationchange", VideoOrientation),
    Event("producer", "trace", Trace),
    Event("consumer", "producerclose", NoneType),
    Event("consumer", "producerpause", NoneType),
    Event("consumer", "producerresume", NoneType),
    Event("consumer", "score", ConsumerScore),
    Event("consumer", "layerschange", ConsumerLayers | None),
    Event("consumer", "trace", Trace),
    Event("consumer", "rtp", NoneType, payload=True),
    Event("dataConsumer", "dataproducerclose", NoneType),
    Event("dataConsumer", "sctpsendbufferfull", NoneType),
    Event("dataConsumer", "bufferedamountlow", BufferedAmountLow),
    Event("dataConsumer", "message", DataMessage, payload=True),
    Event("audioLevelObserver", "volumes", list[Volume]),
    Event("audioLevelObserver", "silence", NoneType),
    Event("activeSpeakerObserver", "dominantspeaker", DominantSpeaker),
)

BY_NAME: Final = {(event.target, event.name): event for event in EVENTS}
"""The rows by target and name."""
