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
from worker.rtp.layers import SimpleLayerSelector, StreamSelector

if TYPE_CHECKING:
    from worker.rtc.context import Context
    from worker.rtc.producer import Producer
    from worker.rtc.producer_stream import ProducerStream
    from worker.rtc.transport import Transport

logger = logging.getLogger(__name__)

_BEST_SCORE = 10
_MAX_MID_SIZE = 8  # bytes that every packet has room for; like mediasoup, a longer one is not sent


class Consumer:
    """Sends a producer's stream to one receiver.

    Attributes:
        id: as the controller named it.
        kind: ``audio`` or ``video``.
        type: ``simple``, or ``pipe``: every stream of the producer is sent with an SSRC of its own.
        producer: whose media it sends, maybe of another transport.
        streams: what it sends, each with its half in the data plane: one, or all of the producer's for a pipe.
        paused: by the controller.
        producer_paused: since the producer is.
    """

    def __init__(self, context: Context, transport: Transport, producer: Producer, body: ConsumeRequest) -> None:
        """Checks the request and enters the plane; ``attach`` then makes packets flow.

        Raises:
            BodyError: the parameters make no sense.
            CommandError: a type that is not there yet.
        """
        parameters = RtpParameters.from_body(body.rtp_parameters)
        _check(parameters, body)
        self.id = body.consumer_id
        self.kind = body.kind
        self.type = body.type
        self.producer = producer
        self.rtp_parameters = parameters
        self.transport = transport
        self.paused = body.paused
        self.producer_paused = producer.paused
        self._context = context
        self._body = body
        self._priority = 1
        self._connected = False
        self._flowing = False
        self._closed = False
        self._tracer = Tracer(context, self.id, STREAM_TRACES)
        count = len(parameters.encodings) if self.type == "pipe" else 1
        self.streams = [
            ConsumerStream(context.scheduler, self, self._make_output(index), index) for index in range(count)
        ]

    def _make_output(self, index: int) -> Output:
        parameters, transport = self.rtp_parameters, self.transport
        encoding = parameters.encodings[index]
        codec = encoding.codec
        ids = parameters.extension_ids
        # Like mediasoup, audio packets are not stamped for bandwidth estimation.
        is_video = self.kind == "video"
        mid = parameters.mid
        if len(mid.encode()) > _MAX_MID_SIZE:
            logger.warning("mid does not fit into packets consumer=%s mid=%s", self.id, mid)
            mid = ""
        uses_transport_cc = is_video and parameters.has_feedback("transport-cc")
        rtx_ssrc = encoding.rtx_ssrc if encoding.rtx_codec is not None else 0
        output = Output(
            transport.plane,
            ssrc=encoding.ssrc,
            rtx_ssrc=rtx_ssrc,
            codec=codec.plane_codec,
            clock_rate=codec.clock_rate,
            payload_types=[codec.payload_type for codec in parameters.codecs if codec.is_media],
            rtx_payload_types=_rtx_payload_types(parameters) if rtx_ssrc else {},
            mid=mid,
            mid_id=ids.get(rtp.MID_URI, 0) if mid else 0,
            abs_send_time_id=ids.get(rtp.ABS_SEND_TIME_URI, 0) if is_video else 0,
            transport_wide_cc_id=ids.get(rtp.TRANSPORT_WIDE_CC_URI, 0) if uses_transport_cc else 0,
            keep_for_retransmission=codec.use_nack,
            selector=(
                StreamSelector(index, codec.has_key_frames)
                if self.type == "pipe"
                else SimpleLayerSelector(codec.has_key_frames, self._body.ignore_dtx)
            ),
        )
        output.owner = self
        output.active = False
        output.deliver = transport.is_direct
        return output

    @property
    def producer_stream(self) -> ProducerStream | None:
        """The stream it forwards (of a pipe's the first), once packets of it came."""
        return self._source_of(self.streams[0])

    @property
    def active(self) -> bool:
        """Whether packets may flow: connected, not paused on either side, and there is something to forward."""
        return self._flowing and any(self._source_of(stream) is not None for stream in self.streams)

    @property
    def fraction_lost(self) -> int:
        """What its receiver reported last, 0..255; the worst of its streams."""
        return max(stream.fraction_lost for stream in self.streams)

    def awaits_key_frame_of(self, source: ProducerStream) -> bool:
        """Whether packets of this stream of the producer could flow, were there a key frame."""
        return self._flowing and any(
            stream.output.waiting_for_key_frame for stream in self.streams if self._source_of(stream) is source
        )

    def attach(self) -> ConsumeResponse:
        """Gets the producer's packets from now on."""
        self.producer.consumers[self.id] = self
        for stream in self.streams:
            self.producer.input.add_output(stream.output)
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

    def on_nack(self, stream: ConsumerStream, sequence_numbers: Sequence[int], now_us: int) -> None:
        """The receiver misses packets of one of the streams (RFC 4585 section 6.2.1)."""
        if self.active:
            self._tracer.emit("nack", "in", {})
            stream.on_nack(sequence_numbers, now_us)

    def on_pli(self, stream: ConsumerStream) -> None:
        """The receiver cannot decode one of the streams any more (RFC 4585 section 6.3.1)."""
        self._tracer.emit("pli", "in", {"ssrc": stream.ssrc})
        stream.pli_count += 1
        if stream.may_ask_for_key_frame():
            self._request_key_frame(stream)

    def on_fir(self, stream: ConsumerStream) -> None:
        """The receiver wants a key frame of one of the streams (RFC 5104 section 4.3.1)."""
        self._tracer.emit("fir", "in", {"ssrc": stream.ssrc})
        stream.fir_count += 1
        if stream.may_ask_for_key_frame():
            self._request_key_frame(stream)

    def emit_score(self) -> None:
        """Tells the controller the scores of now; those of a pipe are not told, like in mediasoup."""
        if self.type == "pipe":
            return
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
            type=self.type,
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
            rtp_stream=self.streams[0].dump() if self.type != "pipe" else None,
            rtp_streams=[stream.dump() for stream in self.streams] if self.type == "pipe" else None,
        )

    @handles(commands.CONSUMER_GET_STATS)
    def get_stats(self) -> list[RtpStreamStats]:
        """What it sent and, but for a pipe, what the producer received of the same stream."""
        received = self.producer_stream if self.type != "pipe" else None
        sent = [stream.stats() for stream in self.streams]
        return sent if received is None else [*sent, received.stats()]

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
        """Asks the producer's sender for a key frame, of each stream."""
        self._request_key_frames()

    @handles(commands.CONSUMER_ENABLE_TRACE_EVENT)
    def enable_trace_event(self, body: EnableTraceEventRequest) -> None:
        """Which of ``rtp``, ``keyframe``, ``nack``, ``pli`` and ``fir`` to trace."""
        self._tracer.enable(body.types)
        for stream in self.streams:
            stream.output.trace_rtp = "rtp" in self._tracer
            stream.output.trace_keyframe = "keyframe" in self._tracer

    def close(self) -> None:
        """Leaves producer and transport; idempotent."""
        if self._closed:
            return
        self._closed = True
        self.producer.consumers.pop(self.id, None)
        self.leave_plane()
        self.transport.forget_consumer(self)

    def leave_plane(self) -> None:
        """Sends nothing any more, for good."""
        for stream in self.streams:
            self.producer.input.remove_output(stream.output)
            stream.output.owner = None
            stream.output.close()

    # ------------------------------------------------------------ own

    def _switch(self) -> None:
        """Lets packets flow or stop; when they begin, cleanly, at a key frame."""
        on = self._connected and not self.paused and not self.producer_paused
        if on == self._flowing:
            return
        self._flowing = on
        for stream in self.streams:
            if on:
                stream.output.sync()
            stream.output.active = on
        if on:
            self._request_key_frames()

    def _request_key_frames(self) -> None:
        for stream in self.streams:
            self._request_key_frame(stream)

    def _request_key_frame(self, stream: ConsumerStream) -> None:
        if self.kind == "video" and self.active:
            self.producer.request_key_frame(self._mapped_ssrc_of(stream))

    def _mapped_ssrc_of(self, stream: ConsumerStream) -> int:
        return self._body.consumable_rtp_encodings[stream.index].ssrc or 0

    def _source_of(self, stream: ConsumerStream) -> ProducerStream | None:
        return self.producer.stream_by_mapped_ssrc(self._mapped_ssrc_of(stream))

    def _score(self) -> ConsumerScore:
        if self.type == "pipe":  # the next router looks at the streams itself
            return ConsumerScore(score=_BEST_SCORE, producer_score=_BEST_SCORE, producer_scores=self.producer.scores)
        received = self.producer_stream
        return ConsumerScore(
            score=self.streams[0].score.value,
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
    if body.type == "pipe":
        if len(body.consumable_rtp_encodings) != len(parameters.encodings):
            raise BodyError("number of rtpParameters.encodings and consumableRtpEncodings do not match")
        if len(parameters.encodings) > 1:
            raise CommandError("pipe consumers of several streams are not supported yet")
        return
    if body.type != "simple":
        raise CommandError(f"consumers of type '{body.type}' are not supported yet")
    if len(body.consumable_rtp_encodings) != 1:
        raise BodyError("invalid consumableRtpEncodings with size != 1")
