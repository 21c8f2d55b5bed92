"""A consumer: what one receiver gets of a producer, in the terms negotiated with that receiver."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from worker.channel import commands
from worker.channel.bodies.consumer import ConsumerDump, SetPriorityRequest, SetPriorityResponse
from worker.channel.bodies.rtp import RtpStreamStats
from worker.channel.bodies.transport import (
    ConsumeRequest,
    ConsumeResponse,
    ConsumerLayers,
    ConsumerScore,
    EnableTraceEventRequest,
)
from worker.channel.commands import handles
from worker.channel.events import TraceValue
from worker.dataplane.plane import Output, PacketTraced
from worker.errors import BodyError, CommandError
from worker.rtc import rtp_parameters as rtp
from worker.rtc.consumer_stream import ConsumerStream
from worker.rtc.rtp_parameters import RtpParameters, encoding_dump
from worker.rtc.trace import STREAM_TRACES, Tracer

if TYPE_CHECKING:
    from worker.rtc.context import Context
    from worker.rtc.producer import Producer
    from worker.rtc.producer_stream import ProducerStream
    from worker.rtc.transport import Transport

logger = logging.getLogger(__name__)

_MAX_MID_SIZE = 8  # bytes that every packet has room for; like mediasoup, a longer one is not sent


class Consumer:
    """Sends a producer's stream to one receiver.

    Attributes:
        id: as the controller named it.
        kind: ``audio`` or ``video``.
        producer: whose media it sends, maybe of another transport.
        output: its half in the data plane.
        stream: RTCP and statistics of what it sends.
        ssrc: of what it sends; ``rtx_ssrc`` of its retransmissions, 0 without.
        paused: by the controller.
        producer_paused: since the producer is.
    """

    def __init__(self, context: Context, transport: Transport, producer: Producer, body: ConsumeRequest) -> None:
        """Checks the request and enters the plane; ``attach`` then makes packets flow.

        Raises:
            BodyError: the parameters make no sense.
            CommandError: the type is not ``simple``.
        """
        parameters = RtpParameters.from_body(body.rtp_parameters)
        _check(parameters, body)
        self.id = body.consumer_id
        self.kind = body.kind
        self.producer = producer
        self.rtp_parameters = parameters
        self.transport = transport
        self.paused = body.paused
        self.producer_paused = producer.paused
        self.ssrc = parameters.encodings[0].ssrc
        self.rtx_ssrc = parameters.encodings[0].rtx_ssrc if parameters.encodings[0].rtx_codec is not None else 0
        self._context = context
        self._body = body
        self._priority = 1
        self._connected = False
        self._closed = False
        self._tracer = Tracer(context, self.id, STREAM_TRACES)
        self.output = self._make_output(transport, body)
        self.output.owner = self
        self.output.active = False
        self.output.deliver = transport.is_direct
        self.stream = ConsumerStream(context.scheduler, self)

    def _make_output(self, transport: Transport, body: ConsumeRequest) -> Output:
        parameters = self.rtp_parameters
        codec = parameters.encodings[0].codec
        ids = parameters.extension_ids
        # Like mediasoup, audio packets are not stamped for bandwidth estimation.
        is_video = self.kind == "video"
        mid = parameters.mid
        if len(mid.encode()) > _MAX_MID_SIZE:
            logger.warning("mid does not fit into packets consumer=%s mid=%s", self.id, mid)
            mid = ""
        uses_transport_cc = is_video and parameters.has_feedback("transport-cc")
        return Output(
            transport.plane,
            ssrc=self.ssrc,
            rtx_ssrc=self.rtx_ssrc,
            codec=codec.plane_codec,
            clock_rate=codec.clock_rate,
            payload_types=[codec.payload_type for codec in parameters.codecs if codec.is_media],
            rtx_payload_types=_rtx_payload_types(parameters) if self.rtx_ssrc else {},
            mid=mid,
            mid_id=ids.get(rtp.MID_URI, 0) if mid else 0,
            abs_send_time_id=ids.get(rtp.ABS_SEND_TIME_URI, 0) if is_video else 0,
            transport_wide_cc_id=ids.get(rtp.TRANSPORT_WIDE_CC_URI, 0) if uses_transport_cc else 0,
            keep_for_retransmission=codec.use_nack,
            needs_key_frame=codec.has_key_frames,
            ignore_dtx=body.ignore_dtx,
        )

    @property
    def producer_stream(self) -> ProducerStream | None:
        """The stream it forwards, once packets of it came."""
        return self.producer.stream_by_mapped_ssrc(self._body.consumable_rtp_encodings[0].ssrc or 0)

    @property
    def active(self) -> bool:
        """Whether packets may flow: connected, not paused on either side, and there is something to forward."""
        return self.output.active and self.producer_stream is not None

    @property
    def fraction_lost(self) -> int:
        """What its receiver reported last, 0..255."""
        return self.stream.fraction_lost

    def attach(self) -> ConsumeResponse:
        """Gets the producer's packets from now on."""
        self.producer.consumers[self.id] = self
        self.producer.input.add_output(self.output)
        return ConsumeResponse(paused=self.paused, producer_paused=self.producer_paused, score=self._score())

    # ------------------------------------------------------------ from transport and producer

    def transport_connected(self) -> None:
        """The receiver can be reached."""
        self._connected = True
        self._switch()

    def transport_disconnected(self) -> None:
        """The receiver cannot be reached any more."""
        self._connected = False
        self._switch()

    def producer_paused_changed(self, paused: bool) -> None:
        """The producer was paused or resumed."""
        if paused == self.producer_paused:
            return
        self.producer_paused = paused
        self._switch()
        self._context.notifier.notify(self.id, "producerpause" if paused else "producerresume")

    def producer_stream_added(self, stream: ProducerStream) -> None:
        """Packets of one of the producer's streams came for the first time."""
        self.emit_score()

    def producer_score_changed(self) -> None:
        """One of the producer's streams fares better or worse."""
        self.emit_score()

    def producer_closed(self) -> None:
        """The producer is gone, and with it the consumer."""
        self._context.notifier.notify(self.id, "producerclose")
        self.close()

    def on_packet_traced(self, event: PacketTraced, now_us: int) -> None:
        """A packet passed while ``rtp`` or ``keyframe`` is traced."""
        info: dict[str, TraceValue] = dict(event.info)
        if event.is_rtx:
            info["isRtx"] = True
        as_key_frame = event.is_key_frame and "keyframe" in self._tracer
        self._tracer.emit("keyframe" if as_key_frame else "rtp", "out", info)

    def on_rtp_delivered(self, data: bytes) -> None:
        """A packet for the application (direct transports)."""
        self._context.notifier.notify_with_payload(self.id, "rtp", None, data)

    # ------------------------------------------------------------ from the receiver's RTCP

    def on_nack(self, sequence_numbers: Sequence[int], now_us: int) -> None:
        """The receiver misses packets (RFC 4585 section 6.2.1)."""
        if self.active:
            self._tracer.emit("nack", "in", {})
            self.stream.on_nack(sequence_numbers, now_us)

    def on_pli(self) -> None:
        """The receiver cannot decode any more (RFC 4585 section 6.3.1)."""
        self._tracer.emit("pli", "in", {"ssrc": self.ssrc})
        self.stream.pli_count += 1
        self._request_key_frame()

    def on_fir(self) -> None:
        """The receiver wants a key frame (RFC 5104 section 4.3.1)."""
        self._tracer.emit("fir", "in", {"ssrc": self.ssrc})
        self.stream.fir_count += 1
        self._request_key_frame()

    def emit_score(self) -> None:
        """Tells the controller the scores of now."""
        self._context.notifier.notify(self.id, "score", self._score())

    # ------------------------------------------------------------ commands

    @handles(commands.CONSUMER_DUMP)
    def dump(self) -> ConsumerDump:
        """All about it."""
        return ConsumerDump(
            id=self.id,
            producer_id=self.producer.id,
            kind=self.kind,
            rtp_parameters=self.rtp_parameters.dump(),
            type="simple",
            consumable_rtp_encodings=[
                encoding_dump(encoding, encoding.codec_payload_type) for encoding in self._body.consumable_rtp_encodings
            ],
            supported_codec_payload_types=sorted(
                codec.payload_type for codec in self.rtp_parameters.codecs if codec.is_media
            ),
            paused=self.paused,
            producer_paused=self.producer_paused,
            priority=self._priority,
            trace_event_types=self._tracer.names,
            rtp_stream=self.stream.dump(),
        )

    @handles(commands.CONSUMER_GET_STATS)
    def get_stats(self) -> list[RtpStreamStats]:
        """What it sent, and what the producer received of the same stream."""
        received = self.producer_stream
        return [self.stream.stats()] if received is None else [self.stream.stats(), received.stats()]

    @handles(commands.CONSUMER_PAUSE)
    def pause(self) -> None:
        """Sends nothing any more."""
        self.paused = True
        self._switch()

    @handles(commands.CONSUMER_RESUME)
    def resume(self) -> None:
        """Sends again, video from a key frame on."""
        self.paused = False
        self._switch()

    @handles(commands.CONSUMER_SET_PREFERRED_LAYERS)
    def set_preferred_layers(self, body: ConsumerLayers) -> ConsumerLayers | None:
        """A simple consumer has one layer: like mediasoup's it answers without layers."""
        return None

    @handles(commands.CONSUMER_SET_PRIORITY)
    def set_priority(self, body: SetPriorityRequest) -> SetPriorityResponse:
        """Keeps what share of the outgoing estimate it may take (nothing is shared out yet)."""
        self._priority = body.priority
        return SetPriorityResponse(priority=self._priority)

    @handles(commands.CONSUMER_REQUEST_KEY_FRAME)
    def request_key_frame(self) -> None:
        """Asks the producer's sender for a key frame."""
        self._request_key_frame()

    @handles(commands.CONSUMER_ENABLE_TRACE_EVENT)
    def enable_trace_event(self, body: EnableTraceEventRequest) -> None:
        """Which of ``rtp``, ``keyframe``, ``nack``, ``pli`` and ``fir`` to trace."""
        self._tracer.enable(body.types)
        self.output.trace_rtp = "rtp" in self._tracer
        self.output.trace_keyframe = "keyframe" in self._tracer

    def close(self) -> None:
        """Leaves producer and transport; idempotent."""
        if self._closed:
            return
        self._closed = True
        self.producer.consumers.pop(self.id, None)
        self.producer.input.remove_output(self.output)
        self.output.owner = None
        self.output.close()
        self.transport.forget_consumer(self)

    # ------------------------------------------------------------ own

    def _switch(self) -> None:
        """Lets packets flow or stop; when they begin, cleanly, at a key frame."""
        on = self._connected and not self.paused and not self.producer_paused
        if on == self.output.active:
            return
        if on:
            self.output.sync()
        self.output.active = on
        if on:
            self._request_key_frame()

    def _request_key_frame(self) -> None:
        if self.kind == "video" and self.active:
            self.producer.request_key_frame(self._body.consumable_rtp_encodings[0].ssrc or 0)

    def _score(self) -> ConsumerScore:
        received = self.producer_stream
        return ConsumerScore(
            score=self.stream.score.value,
            producer_score=received.score.value if received is not None else 0,
            producer_scores=self.producer.scores,
        )


def _rtx_payload_types(parameters: RtpParameters) -> dict[int, int]:
    payload_types: dict[int, int] = {}
    for codec in parameters.codecs:
        apt = codec.parameters.get("apt")
        if codec.name == "rtx" and isinstance(apt, int):
            payload_types[apt] = codec.payload_type
    return payload_types


def _check(parameters: RtpParameters, body: ConsumeRequest) -> None:
    if any(encoding.ssrc == 0 for encoding in parameters.encodings):
        raise BodyError("invalid encoding in rtpParameters (missing ssrc)")
    if any(encoding.has_rtx and encoding.rtx_ssrc == 0 for encoding in parameters.encodings):
        raise BodyError("invalid encoding in rtpParameters (missing rtx.ssrc)")
    if not all(encoding.ssrc for encoding in body.consumable_rtp_encodings):
        raise BodyError("wrong encoding in consumableRtpEncodings (missing ssrc)")
    if body.type != "simple":
        raise CommandError(f"consumers of type '{body.type}' are not supported yet")
    if len(body.consumable_rtp_encodings) != 1:
        raise BodyError("invalid consumableRtpEncodings with size != 1")
