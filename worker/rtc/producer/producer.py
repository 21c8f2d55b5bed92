"""A producer: what one sender sends of one track, mapped to the router's payload types and handed to its consumers."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Protocol

from miso.worker.channel import commands
from miso.worker.channel.bodies.producer import ProducerDump
from miso.worker.channel.bodies.rtp import EncodingMappingDump, RtpMappingDump, RtpStreamStats
from miso.worker.channel.bodies.transport import EnableTraceEventRequest, ProduceRequest
from miso.worker.channel.commands import handles
from miso.worker.channel.events import VideoOrientation
from miso.worker.dataplane import ConsumerPlane, PacketTraced, TransportPlane, UnknownSsrc, VideoOrientationChanged
from miso.worker.faults import attempt
from miso.worker.rtc.closing import do_for_each, finish
from miso.worker.rtc.context import Context
from miso.worker.rtc.producer.activity import ActivityWatch
from miso.worker.rtc.producer.audience import Observer, Subscriber
from miso.worker.rtc.producer.audio_levels import AudioLevels
from miso.worker.rtc.producer.encodings import check_mapping, find_encoding
from miso.worker.rtc.producer.header_extensions import map_extensions
from miso.worker.rtc.producer.producer_stream import ProducerStream
from miso.worker.rtc.rtp_parameters import RtpEncoding, RtpParameters
from miso.worker.rtc.streams.sender_clocks import SenderClocks
from miso.worker.rtc.trace import STREAM_TRACES, Tracer
from miso.worker.rtcp.feedback import Fir, Nack, Pli

logger = logging.getLogger(__name__)

_SILENCE_US = 1_500_000  # all encodings of a simulcast silent for so long have ended
_SILENCE_WITH_DTX_US = 5_000_000


class ProducerTransport(Protocol):
    """What a producer asks of its transport."""

    def producer_of(self, ssrc: int) -> Producer | None:
        """Whose stream the SSRC is on the transport, or the repair of a stream."""

    def receive_direct(self, packet: bytes) -> None:
        """An RTP packet of the application."""

    def send_rtcp(self, packet: bytes) -> None:
        """Sends a compound RTCP packet to the sender while it can be reached."""

    def forget_producer(self, producer: Producer) -> None:
        """The producer has closed."""


class Producer:
    """Receives the streams of one track.

    Attributes:
        id: As the controller named it.
        kind: ``audio`` or ``video``.
        type: ``simple``, ``simulcast`` or ``svc``.
        rtp_parameters: What the sender announced.
        input: Its half in the data plane.
        paused: Whether packets stop here.
        consumers: Of the whole router, by id; likewise ``observers``.
        streams: By SSRC, as far as packets of them came.
        streams_by_rtx: By RTX SSRC, likewise.
    """

    def __init__(
        self,
        context: Context,
        transport: ProducerTransport,
        plane: TransportPlane,
        clocks: SenderClocks,
        body: ProduceRequest,
    ) -> None:
        """Checks the request and enters the plane.

        Args:
            context: What every object of the worker is given.
            transport: On which the sender sends.
            plane: The transport's half in the data plane.
            clocks: Of the transport's senders: its own is shared with what else the sender produces there.
            body: The request.

        Raises:
            BodyError: Parameters and mapping make no sense, each alone or together.
        """
        parameters = RtpParameters.from_body(body.rtp_parameters)
        self.type = parameters.type
        check_mapping(parameters, body.rtp_mapping)
        self.id = body.producer_id
        self.kind = body.kind
        self.rtp_parameters = parameters
        self.paused = body.paused
        self.consumers: dict[str, Subscriber] = {}
        self.observers: dict[str, Observer] = {}
        self.streams: dict[int, ProducerStream] = {}
        self.streams_by_rtx: dict[int, ProducerStream] = {}
        self._by_encoding: list[ProducerStream | None] = [None] * len(parameters.encodings)
        self._context = context
        self._transport = transport
        self._clock = clocks.of(parameters.cname)
        self._mapping = body.rtp_mapping
        self._key_frame_delay_us = body.key_frame_request_delay * 1000
        self._closing: Iterator[None] | None = None
        self._activity = self._make_watch(context)
        self._tracer = Tracer(context, self.id, STREAM_TRACES)
        self.input = plane.add_producer()
        self.input.owner = self
        self.input.paused = body.paused
        for codec in body.rtp_mapping.codecs:
            self.input.map_payload_type(codec.payload_type, codec.mapped_payload_type)
        map_extensions(self.input, self.kind, parameters.extensions.ids)
        self._audio_levels = AudioLevels(self.input.take_audio_levels)

    def _make_watch(self, context: Context) -> ActivityWatch | None:
        """What notices that an encoding or a spatial layer stops, where there are several."""
        encodings = self.rtp_parameters.encodings
        if len(encodings) > 1:
            silence_us = _SILENCE_WITH_DTX_US if encodings[0].use_dtx else _SILENCE_US
            return ActivityWatch(context.scheduler, self._packets_by_encoding, self._encoding_changed, silence_us)
        if self.type == "svc" and encodings[0].spatial_layers > 1:
            return ActivityWatch(context.scheduler, self._packets_by_layer, self._layer_changed, silence_us=None)
        return None

    @property
    def scores(self) -> list[int]:
        """The scores of all encodings, 0 for those that nothing came of."""
        return [stream.score.value if stream is not None else 0 for stream in self._by_encoding]

    def stream_by_mapped_ssrc(self, mapped_ssrc: int) -> ProducerStream | None:
        """The stream that consumers know by this SSRC, once packets of it came."""
        for stream in self.streams.values():
            if stream.mapped_ssrc == mapped_ssrc:
                return stream
        return None

    def stream_by_encoding(self, index: int) -> ProducerStream | None:
        """The stream of an encoding, once packets of it came; None too for an encoding that there is not."""
        return self._by_encoding[index] if 0 <= index < len(self._by_encoding) else None

    def is_layer_alive(self, stream: ProducerStream, spatial: int) -> bool:
        """Whether packets of a stream's spatial layer come."""
        if spatial >= stream.encoding.spatial_layers:
            return False
        return self.type != "svc" or self._activity is None or self._activity.is_alive(spatial)

    # ------------------------------------------------------------ streams come

    def accept_ssrc(self, event: UnknownSsrc) -> bool:
        """Makes a stream of the new SSRC, or the retransmissions of one; False when it fits none of the encodings."""
        index = find_encoding(self.rtp_parameters.encodings, event)
        if index is None:
            return False
        encoding = self.rtp_parameters.encodings[index]
        stream = self._by_encoding[index]
        if event.payload_type == encoding.codec.payload_type:
            if stream is not None:
                return False
            self._add_stream(event.ssrc, encoding, index)
            return True
        if stream is None or stream.rtx_ssrc:  # nothing to repair yet, or repaired with another SSRC
            return False
        self._add_rtx(stream, event.ssrc, event.payload_type)
        return True

    def ssrc_in_place_of(self, event: UnknownSsrc) -> int | None:
        """The SSRC that has the place of the packet's; None when the place is free, or was announced for that SSRC."""
        index = find_encoding(self.rtp_parameters.encodings, event)
        stream = None if index is None else self._by_encoding[index]
        if stream is None:
            return None
        if event.payload_type == stream.encoding.codec.payload_type:
            return stream.ssrc if stream.ssrc != stream.encoding.ssrc else None
        return stream.rtx_ssrc if stream.rtx_ssrc not in (0, stream.encoding.rtx_ssrc) else None

    def has_ssrc(self, ssrc: int) -> bool:
        """Whether a stream of packets that came, or its repairs, have this SSRC."""
        return ssrc in self.streams or ssrc in self.streams_by_rtx

    def tolerate_mid(self, ssrc: int, mid: str) -> None:
        """Packets of the SSRC may name this MID, too: the producer has none."""
        stream = self.streams.get(ssrc) or self.streams_by_rtx.get(ssrc)
        if stream is not None:
            stream.plane.mid = mid.encode()

    def release_ssrc(self, ssrc: int) -> list[int]:
        """The SSRC is another producer's: its stream ends, or it repairs no more. Returns the SSRCs that end."""
        repaired = self.streams_by_rtx.pop(ssrc, None)
        if repaired is not None:
            repaired.clear_rtx()
            return [ssrc]
        stream = self.streams.pop(ssrc)
        released = [ssrc, *(rtx_ssrc for rtx_ssrc, other in self.streams_by_rtx.items() if other is stream)]
        for rtx_ssrc in released[1:]:
            del self.streams_by_rtx[rtx_ssrc]
        self._by_encoding[stream.encoding_index] = None
        stream.close()
        self._emit_score()
        for consumer in list(self.consumers.values()):
            consumer.producer_stream_removed(stream)
        return released

    def stream_started(self, ssrc: int) -> None:
        """The first packet of an accepted SSRC has been forwarded: asks for a key frame unless it was one."""
        stream = self.streams.get(ssrc)
        if stream is None:
            return
        if self.kind == "video" and not self.paused and not stream.got_key_frame:
            stream.key_frames.force()

    def _add_stream(self, ssrc: int, encoding: RtpEncoding, index: int) -> None:
        codec = encoding.codec
        plane = self.input.add_stream(
            ssrc=ssrc,
            mapped_ssrc=self._mapping.encodings[index].mapped_ssrc,
            codec=codec.plane_codec,
            payload_type=codec.payload_type,
            clock_rate=codec.clock_rate,
            use_nack=codec.use_nack,
            use_pli=codec.use_pli,
            spatial_layers=encoding.spatial_layers,
            temporal_layers=encoding.temporal_layers,
            encoding_index=index,
        )
        plane.mid = self.rtp_parameters.mid.encode()
        stream = ProducerStream(
            self._context.scheduler,
            self,
            plane,
            encoding,
            index,
            cname=self.rtp_parameters.cname,
            clock=self._clock,
            key_frame_delay_us=self._key_frame_delay_us,
            watched=len(self._by_encoding) > 1,
        )
        logger.debug("stream added producer=%s ssrc=%d rid=%s encoding=%d", self.id, ssrc, encoding.rid, index)
        self.streams[ssrc] = stream
        self._by_encoding[index] = stream
        if encoding.rtx_codec is not None and encoding.rtx_ssrc and self._is_free(encoding.rtx_ssrc):
            self._add_rtx(stream, encoding.rtx_ssrc, encoding.rtx_codec.payload_type)
        if self.paused:
            stream.pause()
        elif self._activity is not None:
            self._activity.start()
        self._emit_score()
        for consumer in list(self.consumers.values()):
            consumer.producer_stream_added()

    def _is_free(self, ssrc: int) -> bool:
        """Whether the peer has not begun to use an SSRC for something else than it announced."""
        taken = ssrc in self.streams or ssrc in self.streams_by_rtx
        return not taken and self._transport.producer_of(ssrc) is self

    def _add_rtx(self, stream: ProducerStream, ssrc: int, payload_type: int) -> None:
        stream.set_rtx(ssrc, payload_type)
        self.streams_by_rtx[ssrc] = stream

    # ------------------------------------------------------------ from streams and the plane

    def score_changed(self, *, came_or_ended: bool) -> None:
        """The score of one of the streams is another one now; maybe it was 0, or is."""
        for consumer in list(self.consumers.values()):
            consumer.producer_score_changed()
            if came_or_ended:
                consumer.producer_layers_changed()
        self._emit_score()

    def layers_changed(self) -> None:
        """A stream or spatial layer came or ended, or got its first sender report: consumers may want another one."""
        for consumer in list(self.consumers.values()):
            consumer.producer_layers_changed()

    def _packets_by_encoding(self) -> list[int | None]:
        return [stream.plane.stats.packets if stream is not None else None for stream in self._by_encoding]

    def _encoding_changed(self, index: int, alive: bool) -> None:
        stream = self._by_encoding[index]
        if stream is not None:
            stream.set_alive(alive)

    def _packets_by_layer(self) -> list[int | None]:
        stream = self._by_encoding[0]
        if stream is None:
            return []
        return [stream.plane.rates.layer_packets(spatial) for spatial in range(stream.encoding.spatial_layers)]

    def _layer_changed(self, spatial: int, alive: bool) -> None:
        logger.debug("spatial layer %s producer=%s layer=%d", "came" if alive else "ended", self.id, spatial)
        self.layers_changed()

    def is_key_frame_awaited(self, stream: ProducerStream) -> bool:
        """Whether a consumer forwards nothing, or not the wanted layer, until a key frame of the stream comes."""
        return any(consumer.awaits_key_frame_of(stream) for consumer in self.consumers.values())

    def send_nack(self, packet: Nack) -> None:
        """Sends a stream's NACK."""
        self._tracer.emit("nack", "out", {})
        self._transport.send_rtcp(packet.to_bytes())

    def send_pli(self, packet: Pli) -> None:
        """Sends a stream's picture loss indication."""
        self._tracer.emit("pli", "out", {"ssrc": packet.media_ssrc})
        self._transport.send_rtcp(packet.to_bytes())

    def send_fir(self, packet: Fir) -> None:
        """Sends a stream's full intra request."""
        self._tracer.emit("fir", "out", {"ssrc": packet.media_ssrc})
        self._transport.send_rtcp(packet.to_bytes())

    def on_video_orientation(self, event: VideoOrientationChanged) -> None:
        """The camera was turned."""
        self._context.notifier.notify(
            self.id,
            "videoorientationchange",
            VideoOrientation(camera=event.camera, flip=event.flip, rotation=event.rotation),
        )

    def on_packet_traced(self, event: PacketTraced, now_us: int) -> None:
        """A packet passed while ``rtp`` or ``keyframe`` is traced."""
        self._tracer.emit_packet(event, "in", is_video=self.kind == "video")

    # ------------------------------------------------------------ observers

    def add_observer(self, observer: Observer) -> None:
        """The observer reads the audio levels from now on."""
        self.observers[observer.id] = observer
        self._audio_levels.add_reader(observer.id)

    def remove_observer(self, observer: Observer) -> None:
        """The observer reads no more."""
        self.observers.pop(observer.id, None)
        self._audio_levels.remove_reader(observer.id)

    def take_audio_levels(self, observer: Observer) -> bytes:
        """The audio levels of the packets since the observer's last call: -dBov, 0 (loudest) to 127, oldest first."""
        return self._audio_levels.read(observer.id)

    # ------------------------------------------------------------ consumers

    def add_consumer(self, consumer_id: str, consumer: Subscriber, planes: Iterable[ConsumerPlane]) -> None:
        """It hears what becomes of the producer from now on, and its halves in the plane get the packets."""
        self.consumers[consumer_id] = consumer
        for plane in planes:
            self.input.add_consumer(plane)

    def remove_consumer(self, consumer_id: str) -> None:
        """It hears nothing more; no effect when it was not added. Its halves leave the plane by themselves."""
        self.consumers.pop(consumer_id, None)

    def request_key_frame(self, mapped_ssrc: int) -> None:
        """A consumer needs a key frame of the stream it knows by this SSRC."""
        if self.kind != "video" or self.paused:
            return
        stream = self.stream_by_mapped_ssrc(mapped_ssrc)
        if stream is not None and stream.plane.stats.packets > 0:  # a stream's first packet may be a key frame
            stream.key_frames.need()

    # ------------------------------------------------------------ commands

    @handles(commands.PRODUCER_DUMP)
    def dump(self) -> ProducerDump:
        """All about it."""
        return ProducerDump(
            id=self.id,
            kind=self.kind,
            rtp_parameters=self.rtp_parameters.dump(),
            type=self.type,
            rtp_mapping=RtpMappingDump(
                codecs=sorted(self._mapping.codecs, key=lambda codec: codec.payload_type),
                encodings=[
                    EncodingMappingDump(ssrc=one.ssrc or None, rid=one.rid or None, mapped_ssrc=one.mapped_ssrc)
                    for one in self._mapping.encodings
                ],
            ),
            rtp_streams=[stream.dump() for stream in self._by_encoding if stream is not None],
            paused=self.paused,
            trace_event_types=self._tracer.names,
        )

    @handles(commands.PRODUCER_GET_STATS)
    def get_stats(self) -> list[RtpStreamStats]:
        """One entry per stream that packets came of."""
        return [stream.stats() for stream in self._by_encoding if stream is not None]

    @handles(commands.PRODUCER_PAUSE)
    def pause(self) -> None:
        """Packets are still received, but not forwarded."""
        if self.paused:
            return
        self.paused = self.input.paused = True
        if self._activity is not None:
            self._activity.stop()
        for stream in self.streams.values():
            stream.pause()
        for consumer in list(self.consumers.values()):
            consumer.producer_paused_changed(True)
        for observer in list(self.observers.values()):
            observer.producer_paused(self.id)

    @handles(commands.PRODUCER_RESUME)
    def resume(self) -> None:
        """Packets are forwarded again, video from a key frame on."""
        if not self.paused:
            return
        self.paused = self.input.paused = False
        if self._activity is not None and self.streams:
            self._activity.start()
        for consumer in list(self.consumers.values()):
            consumer.producer_paused_changed(False)
        for observer in list(self.observers.values()):
            observer.producer_resumed(self.id)
        if self.kind == "video":
            for stream in self.streams.values():
                stream.key_frames.force()

    @handles(commands.PRODUCER_ENABLE_TRACE_EVENT)
    def enable_trace_event(self, body: EnableTraceEventRequest) -> None:
        """Which of ``rtp``, ``keyframe``, ``nack``, ``pli`` and ``fir`` to trace."""
        self._tracer.enable(body.types)
        self.input.trace_rtp = "rtp" in self._tracer.types
        self.input.trace_keyframe = self.kind == "video" and "keyframe" in self._tracer.types

    @handles(commands.PRODUCER_SEND)
    def send(self, payload: bytes) -> None:
        """Takes an RTP packet of the application (direct transports)."""
        self._transport.receive_direct(payload)

    def closing(self) -> Iterator[None]:
        """Closes its consumers, leaves its observers and the transport, in steps; at each call those that are left."""
        if self._closing is None:
            self._closing = self._close()
        return self._closing

    def close(self) -> None:
        """All steps of ``closing``; idempotent."""
        finish(self.closing())

    def _close(self) -> Iterator[None]:
        yield from do_for_each(self.consumers.values(), lambda consumer: consumer.producer_closed())
        for observer in list(self.observers.values()):
            attempt(observer, observer.producer_closed, self.id)
        if self._activity is not None:
            self._activity.stop()
            self._activity = None  # it calls back here: no search for cycles has to find that
        for stream in self.streams.values():
            attempt(self, stream.close)
        self.input.owner = None
        self.input.close()
        self._transport.forget_producer(self)

    def _emit_score(self) -> None:
        scores = [stream.score_entry() for stream in self._by_encoding if stream is not None]
        self._context.notifier.notify(self.id, "score", scores)
