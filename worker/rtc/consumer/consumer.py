"""A consumer: what one receiver gets of a producer, in the terms negotiated with that receiver."""

from __future__ import annotations

import logging
from typing import Protocol

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
from miso.worker.dataplane import LayersSwitched, PacketTraced, TransportPlane
from miso.worker.errors import BodyError, CommandError
from miso.worker.rtc.consumer.consumer_plane import make_plane
from miso.worker.rtc.consumer.consumer_stream import ConsumerStream
from miso.worker.rtc.consumer.layers_by_type import make_layers
from miso.worker.rtc.context import Context
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.producer.producer_stream import ProducerStream
from miso.worker.rtc.rtp_parameters import RtpParameters, encoding_dump, supports_type
from miso.worker.rtc.streams.score import MAX_SCORE
from miso.worker.rtc.trace import STREAM_TRACES, Tracer
from miso.worker.rtp.layer_selectors import LayerSelector

logger = logging.getLogger(__name__)

_ALL_LOST = 256  # a fraction lost of 1 (RFC 3550 section 6.4.1)


class ConsumerTransport(Protocol):
    """What a consumer asks of its transport."""

    @property
    def plane(self) -> TransportPlane:
        """Its half in the data plane."""

    @property
    def is_direct(self) -> bool:
        """Whether packets go to the application."""

    def distribute_bitrate(self, *, force: bool = False) -> None:
        """A consumer wants more or less than before; ``force``: less for good."""

    def forget_consumer(self, consumer: Consumer) -> None:
        """The consumer has closed."""


class Consumer:
    """Sends a producer's stream to one receiver.

    Attributes:
        id: As the controller named it.
        kind: ``audio`` or ``video``.
        type: ``simple``, ``simulcast`` or ``svc``: one stream is sent, with as many of the producer's layers as the
            receiver likes and can get; or ``pipe``: each of the producer's streams is, with an SSRC of its own.
        producer: Whose media it sends, maybe of another transport.
        rtp_parameters: What was negotiated with the receiver.
        streams: What it sends, each with its half in the data plane: one, or all of the producer's for a pipe.
        paused: By the controller.
        producer_paused: Since the producer is.
        layers: Which of the producer's streams and layers it forwards.
        managed_by_transport: Whether the transport estimates the bandwidth and shares it out.
    """

    __slots__ = (
        "__weakref__",
        "_closed",
        "_connected",
        "_consumable",
        "_context",
        "_flowing",
        "_priority",
        "_tracer",
        "_transport",
        "id",
        "kind",
        "layers",
        "managed_by_transport",
        "paused",
        "producer",
        "producer_paused",
        "rtp_parameters",
        "streams",
        "type",
    )

    def __init__(
        self, context: Context, transport: ConsumerTransport, producer: Producer, body: ConsumeRequest
    ) -> None:
        """Checks the request and enters the plane; ``attach`` then makes packets flow.

        Raises:
            BodyError: The parameters make no sense.
            CommandError: The transport takes no stream with this SSRC.
        """
        parameters = RtpParameters.from_body(body.rtp_parameters)
        _check(parameters, body)
        self.id = body.consumer_id
        self.kind = body.kind
        self.type = body.type
        self.producer = producer
        self.rtp_parameters = parameters
        self.paused = body.paused
        self.producer_paused = producer.paused
        self.managed_by_transport = False
        self._context = context
        self._transport = transport
        self._consumable = body.consumable_rtp_encodings
        self._priority = 1  # the more, the more of the bandwidth it may take before others
        self._connected = False  # its transport
        self._flowing = False  # connected, and not paused on either side
        self._closed = False
        self._tracer = Tracer(context, self.id, STREAM_TRACES)
        self.layers, selectors = make_layers(self, producer, parameters, body)
        self.streams: list[ConsumerStream] = []
        try:
            for index, selector in enumerate(selectors):
                self.streams.append(self._make_stream(index, selector))
        except CommandError:
            for stream in self.streams:
                stream.leave_plane()
            raise

    def _make_stream(self, index: int, selector: LayerSelector) -> ConsumerStream:
        parameters = self.rtp_parameters
        encoding = parameters.encodings[index]
        plane = make_plane(self._transport.plane, self, index, selector)
        plane.owner = self
        plane.deliver = self._transport.is_direct
        layers = (1, 1) if self.type == "simple" else (encoding.spatial_layers, encoding.temporal_layers)
        return ConsumerStream(self._context, self, plane, encoding, index, cname=parameters.cname, shown_layers=layers)

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
        self.producer.add_consumer(self.id, self, [stream.plane for stream in self.streams])
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

    def producer_stream_added(self) -> None:
        """Packets of one of the producer's streams came for the first time."""
        self.emit_score()
        self.producer_layers_changed()

    def producer_stream_removed(self, stream: ProducerStream) -> None:
        """One of the producer's streams has ended: where it was forwarded, the next one begins cleanly."""
        for sent in self.streams:
            if self.layers.forwards(sent.index, stream.encoding_index):
                sent.plane.sync()
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
        self._tracer.emit_packet(event, "out", is_video=self.kind == "video")

    def on_rtp_delivered(self, data: bytes) -> None:
        """A packet for the application (direct transports)."""
        self._context.notifier.notify_with_payload(self.id, "rtp", None, data)

    # ------------------------------------------------------------ from the receiver's RTCP

    def trace_feedback(self, name: str, info: dict[str, TraceValue]) -> None:
        """The receiver sent a ``nack``, ``pli`` or ``fir``."""
        self._tracer.emit(name, "in", info)

    def request_repair(self, index: int) -> None:
        """Asks the sender for a key frame of what the stream ``index`` forwards: the picture is lost."""
        self.layers.request_repair(index)

    # ------------------------------------------------------------ from streams and layers

    def distribute_bitrate(self) -> None:
        """Has the transport share out its bandwidth anew."""
        self._transport.distribute_bitrate()

    def encoding_switched(self) -> None:
        """Another encoding of the producer is forwarded: what was lost of the one before says nothing about it."""
        self.streams[0].begin_score()
        self.emit_score()

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
            self.producer.request_key_frame(self._consumable[encoding].ssrc or 0)

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
        return self.layers.increase(budget_bps, self.fraction_lost / _ALL_LOST if consider_loss else None, now_us)

    def apply_layers(self, is_flooded: bool) -> None:
        """Ends the distribution: what it took becomes the target.

        Args:
            is_flooded: The way to the receiver loses so much that no picture of a layer that is given up is still
                complete. It is not sent any more while the lower one's key frame is awaited: that would be lost, too,
                in what it leaves of a queue.
        """
        self.layers.apply(is_flooded)

    def forwarded_bitrate(self, now_us: int) -> int:
        """Bit/s that it forwards, repairs left out; 0 when it takes no part."""
        return self.layers.forwarded_bitrate(now_us) if self.bitrate_priority() else 0

    def settled_bitrate(self, now_us: int) -> int:
        """Bit/s, or more, for which a distribution that does not look at loss would change nothing; -1: it might."""
        return self.layers.settled_bitrate(now_us) if self.bitrate_priority() else 0

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
                encoding_dump(encoding, encoding.codec_payload_type) for encoding in self._consumable
            ],
            supported_codec_payload_types=sorted(self.rtp_parameters.codecs.media_payload_types),
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
            self._transport.distribute_bitrate()
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
            stream.plane.trace_rtp = "rtp" in self._tracer.types
            stream.plane.trace_keyframe = self.kind == "video" and "keyframe" in self._tracer.types
            stream.feedback.trace_nack = "nack" in self._tracer.types
            stream.feedback.trace_pli = "pli" in self._tracer.types
            stream.feedback.trace_fir = "fir" in self._tracer.types

    def close(self) -> None:
        """Leaves producer and transport; idempotent."""
        if self._closed:
            return
        self._closed = True
        self.leave_plane()
        self._transport.forget_consumer(self)

    def leave_plane(self) -> None:
        """Sends nothing any more, for good."""
        self.producer.remove_consumer(self.id)
        for stream in self.streams:
            stream.leave_plane()

    # ------------------------------------------------------------ own

    def _switch(self) -> None:
        """Lets packets flow or stop; when they begin, cleanly, at a key frame."""
        on = self._connected and not self.paused and not self.producer_paused
        if on == self._flowing:
            return
        took_part = self._flowing and self.layers.live
        self._flowing = on
        for stream in self.streams:
            if on:
                stream.plane.sync()
            stream.plane.active = on
        if on and self.layers.live:
            self.layers.begin()
        if took_part:
            self.layers.end()
            if self.managed_by_transport and self._connected and self.kind == "video":
                self._transport.distribute_bitrate(force=True)

    def _score(self) -> ConsumerScore:
        if self.type == "pipe":  # the next router looks at the streams itself
            return ConsumerScore(score=MAX_SCORE, producer_score=MAX_SCORE, producer_scores=self.producer.scores)
        received = self.layers.stream
        return ConsumerScore(
            score=self.streams[0].score,
            producer_score=received.score.value if received is not None else 0,
            producer_scores=self.producer.scores,
        )


def _check(parameters: RtpParameters, body: ConsumeRequest) -> None:
    for encoding in parameters.encodings:
        if encoding.ssrc == 0:
            raise BodyError("invalid encoding in rtpParameters (missing ssrc)")
        if encoding.has_rtx and encoding.rtx_ssrc == 0:
            raise BodyError("invalid encoding in rtpParameters (missing rtx.ssrc)")
    for consumable in body.consumable_rtp_encodings:
        if not consumable.ssrc:
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
