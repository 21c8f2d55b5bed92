"""A room's people as one live stream: one of them, or whoever leads the conversation."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from miso.controller import Consumer, ControllerError, Producer
from miso.controller.rtp_capabilities import RtpCapabilities, RtpCodecCapability
from miso.live.bridge.from_room.audio_receiver import AudioReceiver, SoundForm
from miso.live.bridge.from_room.beginning import Beginning
from miso.live.bridge.from_room.choice import Chosen, choose, codec_of
from miso.live.bridge.from_room.picture_codec import PictureCodec, by_payload_type, capabilities
from miso.live.bridge.from_room.steady_unix import SteadyUnix
from miso.live.bridge.from_room.video_receiver import VideoReceiver
from miso.live.bridge.rooms import RoomClosedError, Rooms, View
from miso.live.bridge.rtp.rtcp import SenderReport, read_rtcp
from miso.live.bridge.rtp.rtp_packet import RtpPacket, is_rtcp, read_rtp
from miso.live.bridge.rtp_link import RtpLink
from miso.live.bridge.transcoding.worker_thread import TranscodingThread
from miso.live.clock import Clock
from miso.live.errors import ParseError, RefusedError, StreamBusyError, StreamClosedError, StreamReplacedError
from miso.live.media.codec import Kind
from miso.live.media.packet import Packet
from miso.live.streams.publication import Publication
from miso.live.streams.registry import Streams
from miso.live.streams.stream import State

logger = logging.getLogger(__name__)

_TICK_S: Final = 0.1
_LATE_S: Final = 1.0
"""A look that comes so much too late misses nothing: it was we who stood still, and what came is read next."""
_ASK_EVERY_S: Final = 1.0
"""At most so often a sender is asked for a key frame."""
_FRESH_S: Final = 1.0
"""A key frame as old as that does for a new player."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all room streams share.

    Attributes:
        rooms: The rooms.
        streams: The live streams.
        thread: Where sound is converted.
        clock: The time for whatever waits.
        unix_s: Unix time.
        pictures: The codecs that pictures may have; the first one that anybody sends is taken.
        key_frame_interval_s: At least so often there is a key frame to begin with; 0: only when a player comes.
    """

    rooms: Rooms
    streams: Streams
    thread: TranscodingThread
    clock: Clock
    unix_s: Callable[[], float]
    pictures: tuple[PictureCodec, ...]
    key_frame_interval_s: float


@dataclass(slots=True)
class StreamCounts:
    """What has come out of the room.

    Attributes:
        packets, size_bytes: Of the live stream.
        lost: RTP packets that never came.
        broken: What made no sense.
        key_frame_requests: How often a sender was asked for a key frame.
    """

    packets: int = 0
    size_bytes: int = 0
    lost: int = 0
    broken: int = 0
    key_frame_requests: int = 0


class Receiver(Protocol):
    """Takes one producer's RTP."""

    def report(self, report: SenderReport) -> None:
        """What its sender says of its clock."""

    def put(self, packet: RtpPacket, now_s: float, unix_s: float) -> None:
        """Takes a packet in."""


class RoomStream:
    """Publishes a room.

    Args:
        room_id: The room.
        who: A participant, or :data:`~miso.live.bridge.from_room.choice.SPEAKER`.
        path: Of the live stream.
        sound: What becomes of sound.
        surroundings: What it needs.
    """

    def __init__(self, room_id: str, who: str, path: str, sound: SoundForm, surroundings: Surroundings) -> None:
        self._room_id = room_id
        self._who = who
        self._path = path
        self._around = surroundings
        self._unix = SteadyUnix(surroundings.unix_s)
        self._changed = asyncio.Event()
        self._ended: BaseException | None = None
        self._speaker: str | None = None
        self._chosen = Chosen(None, None)
        self._consumers: dict[str, Consumer] = {}
        self._receivers: dict[int, Receiver] = {}
        self._codecs = surroundings.pictures  # the one that the stream has comes first, so that it keeps it
        self._capabilities = RtpCapabilities(codecs=[_OPUS, *capabilities(surroundings.pictures)])
        self._beginning = Beginning(self._write, self._kinds, surroundings.clock)
        self._audio = AudioReceiver(sound, surroundings.thread, self._beginning.put)
        self._video: VideoReceiver | None = None
        self._asking: asyncio.Task[None] | None = None
        self._asked_s: float | None = None
        self._publication: Publication | None = None
        self._counts = StreamCounts()

    @property
    def counts(self) -> StreamCounts:
        """What has come out of the room so far."""
        counts = self._counts
        counts.broken = self._audio.broken + (self._video.broken if self._video is not None else 0)
        counts.lost = self._audio.lost + (self._video.lost if self._video is not None else 0)
        return counts

    @property
    def sent_bytes(self) -> int:
        """Bytes of the live stream's packets."""
        return self._counts.size_bytes

    async def run(self, on_begun: Callable[[], None]) -> None:
        """Publishes as long as the room is there.

        Args:
            on_begun: Called when the stream is its own, and has what is to be had.

        Raises:
            RefusedError: The participant sends what a live stream cannot have; or the path is of no use or taken.
            RoomClosedError: The room, or its worker, is gone, or was not there.
            StreamReplacedError: Somebody else publishes under this path now.
            StreamClosedError: Somebody has ended the stream.
        """
        view = self._around.rooms.view(self._room_id, self)
        link: RtpLink | None = None
        try:
            self._publication = self._publish()
            link = await RtpLink.open(view.router, self._on_packet)
            link.transport.observer.once("close", self._on_room_closed)
            await self._work(view, link, on_begun)
        except ControllerError as error:
            raise RoomClosedError(f"room {self._room_id}: {error}") from error
        finally:
            view.close()
            if link is not None:
                link.close()
            if self._publication is not None:
                self._publication.close()

    def player_came(self) -> None:
        """Somebody begins to play: if the last key frame is old, there is to be a new one."""
        video = self._video
        now_s = self._around.clock.time()
        if video is not None and (video.last_key_s is None or now_s - video.last_key_s > _FRESH_S):
            self._ask_for_key_frame()

    def _publish(self) -> Publication:
        """A room takes no stream over, whatever the settings say: it would take it back again and again."""
        stream = self._around.streams.get(self._path)
        if stream is not None and stream.state is State.PUBLISHING:
            raise StreamBusyError(f"{self._path} is being published")
        return self._around.streams.publish(self._path, self._lose)

    # ------------------------------------------------------------ what happens in the room

    def producer_came(self, participant_id: str, producer: Producer) -> None:
        """Somebody sends something new."""
        self._changed.set()

    def speaker_changed(self, participant_id: str) -> None:
        """Somebody else leads the conversation."""
        self._speaker = participant_id
        self._changed.set()

    def _on_room_closed(self) -> None:
        self._end(RoomClosedError(f"room {self._room_id} has closed"))

    def _lose(self) -> None:
        stream = self._around.streams.get(self._path)
        if stream is None or stream.closed:
            self._end(StreamClosedError(f"{self._path} was ended"))
        else:
            self._end(StreamReplacedError(f"{self._path} has another publisher"))

    def _end(self, error: Exception) -> None:
        self._ended = self._ended or error
        self._changed.set()

    # ------------------------------------------------------------ what it has of the room

    async def _work(self, view: View, link: RtpLink, on_begun: Callable[[], None]) -> None:
        works = (self._follow(view, link, on_begun), self._tick(), self._audio.run())
        tasks = [asyncio.create_task(work) for work in works]
        try:
            # The last one ends at once where sound is not converted.
            while True:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                    tasks.remove(task)
        finally:
            if self._asking is not None:
                tasks.append(self._asking)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, view: View, link: RtpLink, on_begun: Callable[[], None]) -> None:
        """Takes what is to be had, and takes something else when that changes."""
        has_begun = False
        while True:
            self._changed.clear()
            if self._ended is not None:
                raise self._ended
            chosen = choose(view.producers, self._who, self._speaker, self._chosen, self._codecs)
            before, self._chosen = self._chosen, chosen
            if chosen.video is not before.video:
                await self._take(link, "video", chosen.video)
            if chosen.audio is not before.audio:
                await self._take(link, "audio", chosen.audio)
            if not has_begun:
                has_begun = True
                on_begun()
            await self._changed.wait()

    async def _take(self, link: RtpLink, kind: str, producer: Producer | None) -> None:
        """Takes a producer in the place of the one of before."""
        old = self._consumers.get(kind)
        if old is not None:
            self._let_go(kind, old)
            old.close()
        if producer is None:
            return
        try:
            consumer = await link.transport.consume(
                producer_id=producer.id, rtp_capabilities=self._capabilities, enable_rtx=False, paused=True
            )
        except ControllerError as error:
            if link.transport.closed:
                raise
            logger.info("room=%s producer=%s is gone: %s", self._room_id, producer.id, error)
            self._forget(producer)
            return
        self._consumers[kind] = consumer
        consumer.observer.once("close", lambda: self._on_consumer_closed(kind, consumer, producer))
        if kind == "video":
            codec = codec_of(producer, self._codecs)
            self._codecs = (codec, *(other for other in self._codecs if other is not codec))
            self._video = VideoReceiver(by_payload_type(consumer.rtp_parameters.codecs), self._beginning.put)
            self._receivers[_ssrc(consumer)] = self._video
        else:
            self._audio.begin_source(self._around.clock.time())
            self._receivers[_ssrc(consumer)] = self._audio
        with contextlib.suppress(ControllerError):  # it has closed at this moment: that is told elsewhere
            await consumer.resume()  # asks for a key frame, too
            logger.info("room=%s stream=%s takes %s producer=%s", self._room_id, self._path, kind, producer.id)

    def _on_consumer_closed(self, kind: str, consumer: Consumer, producer: Producer) -> None:
        if self._consumers.get(kind) is consumer:
            self._let_go(kind, consumer)
            self._forget(producer)

    def _let_go(self, kind: str, consumer: Consumer) -> None:
        del self._consumers[kind]
        self._receivers.pop(_ssrc(consumer), None)
        if kind == "video":
            self._video = None

    def _forget(self, producer: Producer) -> None:
        """A producer is no more: another one may take its place."""
        video, audio = self._chosen
        self._chosen = Chosen(None if video is producer else video, None if audio is producer else audio)
        self._changed.set()

    async def _tick(self) -> None:
        now_s = self._around.clock.time()
        while True:
            await asyncio.sleep(_TICK_S)
            before_s, now_s, unix_s = now_s, self._around.clock.time(), self._unix.now_s()
            if now_s - before_s > _TICK_S + _LATE_S:
                continue
            self._audio.due(now_s, unix_s)
            self._beginning.due()
            video = self._video
            if video is None:
                continue
            video.due(now_s, unix_s)
            interval_s = self._around.key_frame_interval_s
            is_old = interval_s and video.last_key_s is not None and now_s - video.last_key_s >= interval_s
            if video.needs_key or is_old:
                self._ask_for_key_frame()

    def _ask_for_key_frame(self) -> None:
        now_s = self._around.clock.time()
        consumer = self._consumers.get("video")
        if consumer is None or (self._asked_s is not None and now_s - self._asked_s < _ASK_EVERY_S):
            return
        if self._asking is None or self._asking.done():
            self._asked_s = now_s
            self._counts.key_frame_requests += 1
            self._asking = asyncio.create_task(_quietly(consumer.request_key_frame()))

    def _on_packet(self, packet: bytes) -> None:
        now_s, unix_s = self._around.clock.time(), self._unix.now_s()
        try:
            if is_rtcp(packet):
                for said in read_rtcp(packet):
                    receiver = self._receivers.get(said.ssrc)
                    if isinstance(said, SenderReport) and receiver is not None:
                        receiver.report(said._replace(unix_s=self._unix.of(said.unix_s)))
                return
            rtp = read_rtp(packet)
        except ParseError as error:  # of our own worker
            logger.error("room=%s the worker sends what is no RTP: %s", self._room_id, error)
            return
        receiver = self._receivers.get(rtp.ssrc)
        if receiver is not None:
            receiver.put(rtp, now_s, unix_s)

    def _kinds(self) -> set[Kind]:
        """What there is to be had of the room now."""
        video, audio = self._chosen
        return {kind for kind, producer in ((Kind.VIDEO, video), (Kind.AUDIO, audio)) if producer is not None}

    def _write(self, packet: Packet) -> None:
        if self._publication is None or not self._publication.is_held:
            return
        self._counts.packets += 1
        self._counts.size_bytes += packet.size_bytes
        try:
            self._publication.write(packet)
        except (RefusedError, StreamClosedError) as error:
            self._end(error)


def _ssrc(consumer: Consumer) -> int:
    ssrc = consumer.rtp_parameters.encodings[0].ssrc
    assert ssrc is not None
    return ssrc


async def _quietly(work: Awaitable[None]) -> None:
    with contextlib.suppress(ControllerError):  # the consumer has closed at this moment
        await work


_OPUS: Final = RtpCodecCapability(
    kind="audio", mime_type="audio/opus", preferred_payload_type=100, clock_rate=48_000, channels=2
)
