"""A consumer: what one receiver gets of a producer, in the terms negotiated with that receiver."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from miso.worker.channel import commands
from miso.worker.channel.bodies.consumer import ConsumerDump, SetPriorityRequest, SetPriorityResponse
from miso.worker.channel.bodies.rtp import RtpStreamStats
from miso.worker.channel.bodies.transport import (
    ConsumeRequest,
    ConsumeResponse,
    ConsumerLayers,
    ConsumerScore,
    EnableTraceEventRequest,
)
from miso.worker.channel.commands import handles
from miso.worker.channel.events import TraceValue
from miso.worker.dataplane import LayersSwitched, PacketTraced
from miso.worker.errors import BodyError
from miso.worker.rtc.consumer.layers import make_layers
from miso.worker.rtc.consumer.output import make_output
from miso.worker.rtc.consumer.stream import ConsumerStream
from miso.worker.rtc.rtp_parameters import RtpParameters, encoding_dump, supports_type
from miso.worker.rtc.trace import STREAM_TRACES, Tracer

if TYPE_CHECKING:
    from miso.worker.rtc.context import Context
    from miso.worker.rtc.producer.producer import Producer
    from miso.worker.rtc.producer.stream import ProducerStream
    from miso.worker.rtc.transport.transport import Transport

logger = logging.getLogger(__name__)

_BEST_SCORE = 10


class Consumer:
    """Sends a producer's stream to one receiver.

    Attributes:
        id: As the controller named it.
        kind: ``audio`` or ``video``.
        type: ``simple``, ``simulcast`` or ``svc``: one stream is sent, with as many of the producer's layers as the
            receiver likes and can get; or ``pipe``: each of the producer's streams is, with an SSRC of its own.
        producer: Whose media it sends, maybe of another transport.
        streams: What it sends, each with its half in the data plane: one, or all of the producer's for a pipe.
        paused: By the controller.
        producer_paused: Since the producer is.
        layers: Which of the producer's streams and layers it forwards.
        managed_by_transport: Whether the transport estimates the bandwidth and shares it out.
    """

    def __init__(self, context: Context, transport: Transport, producer: Producer, body: ConsumeRequest) -> None:
        """Checks the request and enters the plane; ``attach`` then makes packets flow.

        Raises:
            BodyError: The parameters make no sense.
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
        self.managed_by_transport = False
        self._context = context
        self._body = body
        self._priority = 1
        self._connected = False
        self._flowing = False
        self._closed = False
        self._tracer = Tracer(context, self.id, STREAM_TRACES)
        self.layers, selectors = make_layers(self, body)
        self.streams = [
            ConsumerStream(context.scheduler, self, make_output(self, index, selector), index)
            for index, selector in enumerate(selectors)
        ]

    @property
    def active(self) -> bool:
        """Whether packets may flow: connected, not paused on either side, and there is something to forward."""
        return self._flowing and self.layers.live

    @property
    def fraction_lost(self) -> int:
        """What its receiver reported last, 0..255; the worst of its streams."""
        return max(stream.fraction_lost for stream in self.streams)

    def awaits_key_frame_of(self, source: ProducerStream) -> bool:
        """Whether this stream of the producer, or its wanted layer, would flow if there were a key frame."""
        return self._flowing and self.layers.awaits_key_frame_of(source)

    def attach(self) -> ConsumeResponse:
        """Gets the producer's packets from now on."""
        self.producer.consumers[self.id] = self
        for stream in self.streams:
            self.producer.input.add_consumer(stream.output)
        return ConsumeResponse(
            paused=self.paused,
            producer_paused=self.producer_paused,
            score=self._score(),
            preferred_layers=self.layers.preferred,
        )

    def now_us(self) -> int:
        """Monotonic time."""
        return self._context.scheduler.now_us()

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
        self.producer_layers_changed()

    def producer_stream_removed(self, stream: ProducerStream) -> None:
        """One of the producer's streams has ended: where it was forwarded, the next one begins cleanly."""
        for sent in self.streams:
            if self.layers.forwards(sent.index, stream.encoding_index):
                sent.output.sync()
        self.emit_score()
        self.producer_layers_changed()

    def producer_score_changed(self) -> None:
        """One of the producer's streams fares better or worse."""
        self.emit_score()

    def producer_layers_changed(self) -> None:
        """A stream or spatial layer of the producer came or ended, or can be compared with others now."""
        if self._flowing:
            self.layers.reconsider()

    def producer_closed(self) -> None:
        """The producer is gone, and with it the consumer."""
        self._context.notifier.notify(self.id, "producerclose")
        self.close()

    def on_layers_switched(self, event: LayersSwitched) -> None:
        """The plane forwards other layers than before."""
        self.layers.switched(event.spatial, event.temporal)

    def on_packet_traced(self, event: PacketTraced, now_us: int) -> None:
        """A packet passed while ``rtp`` or ``keyframe`` is traced."""
        info: dict[str, TraceValue] = dict(event.info)
        if event.is_rtx:
            info["isRtx"] = True
        info["isKeyFrame"] = is_key_frame = self.kind == "video" and event.is_key_frame
        self._tracer.emit("keyframe" if is_key_frame and "keyframe" in self._tracer else "rtp", "out", info)

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
            self.layers.request_repair(stream.index)

    def on_fir(self, stream: ConsumerStream) -> None:
        """The receiver wants a key frame of one of the streams (RFC 5104 section 4.3.1)."""
        self._tracer.emit("fir", "in", {"ssrc": stream.ssrc})
        stream.fir_count += 1
        if stream.may_ask_for_key_frame():
            self.layers.request_repair(stream.index)

    def emit_score(self) -> None:
        """Tells the controller the scores of now; those of a pipe are not told, like in mediasoup."""
        if self.type == "pipe":
            return
        self._context.notifier.notify(self.id, "score", self._score())

    def emit_layers(self, spatial: int, temporal: int) -> None:
        """Tells the controller what layers are forwarded; -1: none."""
        layers = ConsumerLayers(spatial_layer=spatial, temporal_layer=temporal) if spatial >= 0 else None
        tag = {"tag": self.type}  # simulcast or svc
        logger.debug("layers changed consumer=%s layers=%d/%d", self.id, spatial, temporal, extra=tag)
        self._context.notifier.notify(self.id, "layerschange", layers)

    def request_key_frame_of(self, encoding: int) -> None:
        """Asks the sender for a key frame of one of the consumable encodings."""
        if self.kind == "video":
            self.producer.request_key_frame(self._body.consumable_rtp_encodings[encoding].ssrc or 0)

    # ------------------------------------------------------------ shares of the outgoing bandwidth

    def bitrate_priority(self) -> int:
        """Its weight when the transport shares out the bandwidth, 1 to 255; 0 when it takes no part in it now."""
        takes_part = self.kind == "video" and self.type != "pipe" and self.active
        return self._priority if takes_part else 0

    def increase_layer(self, budget_bps: int, consider_loss: bool, now_us: int) -> int:
        """Takes one layer more in the distribution under way.

        Args:
            budget_bps: What is left, in bit/s.
            consider_loss: The estimate does not know of lost packets, so the consumer judges the budget by its own.
            now_us: Monotonic time.

        Returns:
            Bit/s of the budget that the layer takes; 0 when there is none, or none that fits.
        """
        return self.layers.increase(budget_bps, self.fraction_lost / 256 if consider_loss else None, now_us)

    def apply_layers(self) -> None:
        """Ends the distribution: what it took becomes the target."""
        self.layers.apply()

    def desired_bitrate(self, now_us: int) -> int:
        """Bit/s that it would take without limit, 0 when it takes no part; ``maxBitrate`` when that is more."""
        if not self.bitrate_priority():
            return 0
        return max(self.layers.desired_bitrate(now_us), self.rtp_parameters.encodings[0].max_bitrate_bps)

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
            **self.layers.dump(),
        )

    @handles(commands.CONSUMER_GET_STATS)
    def get_stats(self) -> list[RtpStreamStats]:
        """What it sent and, but for a pipe, what the producer received of the same stream."""
        received = self.layers.stream
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
        """Takes the receiver's wish and answers what it means here; nothing for a consumer without layers."""
        self.layers.prefer(body)
        return self.layers.preferred

    @handles(commands.CONSUMER_SET_PRIORITY)
    def set_priority(self, body: SetPriorityRequest) -> SetPriorityResponse:
        """How much of the outgoing bandwidth it may take before others."""
        changed, self._priority = body.priority != self._priority, body.priority
        if changed and self.managed_by_transport and self.bitrate_priority():
            self.transport.distribute_bitrate()
        return SetPriorityResponse(priority=self._priority)

    @handles(commands.CONSUMER_REQUEST_KEY_FRAME)
    def request_key_frame(self) -> None:
        """Asks the producer's sender for a key frame of all that is forwarded or will be."""
        if self.active:
            self.layers.request_key_frames()

    @handles(commands.CONSUMER_ENABLE_TRACE_EVENT)
    def enable_trace_event(self, body: EnableTraceEventRequest) -> None:
        """Which of ``rtp``, ``keyframe``, ``nack``, ``pli`` and ``fir`` to trace."""
        self._tracer.enable(body.types)
        for stream in self.streams:
            stream.output.trace_rtp = "rtp" in self._tracer
            stream.output.trace_keyframe = self.kind == "video" and "keyframe" in self._tracer

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
            self.producer.input.remove_consumer(stream.output)
            stream.output.owner = None
            stream.output.close()

    # ------------------------------------------------------------ own

    def _switch(self) -> None:
        """Lets packets flow or stop; when they begin, cleanly, at a key frame."""
        on = self._connected and not self.paused and not self.producer_paused
        if on == self._flowing:
            return
        took_part = self.active
        self._flowing = on
        for stream in self.streams:
            if on:
                stream.output.sync()
            stream.output.active = on
        if self.active:
            self.layers.begin()
        if took_part:
            self.layers.end()
            if self.managed_by_transport and self._connected and self.kind == "video":
                self.transport.distribute_bitrate(force=True)

    def _score(self) -> ConsumerScore:
        if self.type == "pipe":  # the next router looks at the streams itself
            return ConsumerScore(score=_BEST_SCORE, producer_score=_BEST_SCORE, producer_scores=self.producer.scores)
        received = self.layers.stream
        return ConsumerScore(
            score=self.streams[0].score.value,
            producer_score=received.score.value if received is not None else 0,
            producer_scores=self.producer.scores,
        )


def _check(parameters: RtpParameters, body: ConsumeRequest) -> None:
    if any(encoding.ssrc == 0 for encoding in parameters.encodings):
        raise BodyError("invalid encoding in rtpParameters (missing ssrc)")
    if any(encoding.has_rtx and encoding.rtx_ssrc == 0 for encoding in parameters.encodings):
        raise BodyError("invalid encoding in rtpParameters (missing rtx.ssrc)")
    if not all(encoding.ssrc for encoding in body.consumable_rtp_encodings):
        raise BodyError("wrong encoding in consumableRtpEncodings (missing ssrc)")
    first, count = parameters.encodings[0], len(body.consumable_rtp_encodings)
    if body.type == "pipe" and count != len(parameters.encodings):
        raise BodyError("number of rtpParameters.encodings and consumableRtpEncodings do not match")
    if body.type == "simulcast" and count != first.spatial_layers:
        raise BodyError("encoding.spatialLayers does not match number of consumableRtpEncodings")
    if body.type in ("simple", "svc") and count != 1:
        raise BodyError("invalid consumableRtpEncodings with size != 1")
    if body.type == "svc" and first.spatial_layers < 2 and first.temporal_layers < 2:
        raise BodyError("invalid number of layers")
    if not supports_type(first.codec, body.type):
        raise BodyError(f"{first.codec.mime_type} codec not supported for {body.type}")
