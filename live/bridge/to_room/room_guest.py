"""One live stream in one room, from its coming in to its leaving."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from math import inf
from typing import Final

from miso.controller import ControllerError
from miso.controller.types import RtpParameters
from miso.live.bridge.rooms import Guest, RoomClosedError, Rooms, Seat
from miso.live.bridge.rtp.rtcp import KeyFrameRequest, read_rtcp
from miso.live.bridge.rtp.rtp_packet import is_rtcp
from miso.live.bridge.rtp.sent_stream import SentStream
from miso.live.bridge.rtp_link import RtpLink
from miso.live.bridge.to_room.audio_sender import AudioSender
from miso.live.bridge.to_room.b_frames import BFrames
from miso.live.bridge.to_room.producers import AUDIO_RATE_HZ, AUDIO_TYPE, VIDEO_TYPE, audio_parameters, video_parameters
from miso.live.bridge.to_room.send_queue import SendQueue
from miso.live.bridge.to_room.stream_clock import StreamClock
from miso.live.bridge.to_room.video_sender import RATE_HZ, VideoSender
from miso.live.bridge.transcoding.worker_thread import TranscodingThread
from miso.live.clock import Clock
from miso.live.errors import ParseError, RefusedError, StreamClosedError
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.packet import Packet
from miso.live.streams.stream import Stream
from miso.live.streams.subscription import Start
from miso.live.streams.track import Track

logger = logging.getLogger(__name__)

REPORT_EVERY_S: Final = 1.0
"""Between two sender reports."""
LOOK_EVERY_S: Final = 1.0
"""Between two looks for tracks that the stream has got meanwhile."""
_VIDEO = TrackId(Kind.VIDEO)
_AUDIO = TrackId(Kind.AUDIO)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all guests share.

    Attributes:
        rooms: The rooms.
        thread: Where sound is converted.
        clock: The time for whatever waits.
        unix_s: Unix time.
        b_frames: What becomes of B frames.
    """

    rooms: Rooms
    thread: TranscodingThread
    clock: Clock
    unix_s: Callable[[], float]
    b_frames: BFrames


@dataclass(slots=True)
class GuestCounts:
    """What has gone into the room.

    Attributes:
        packets, size_bytes: RTP packets, and bytes of their payloads.
        broken: Packets of the stream that made no sense.
        dropped_b_frames: Pictures that were left out.
        repeats: How often the pictures since the last key frame were sent again.
    """

    packets: int = 0
    size_bytes: int = 0
    broken: int = 0
    dropped_b_frames: int = 0
    repeats: int = 0


class RoomGuest:
    """Brings the main tracks of a stream into a room.

    Args:
        stream: The stream.
        room_id: The room.
        guest: As who.
        surroundings: What it needs.
    """

    def __init__(self, stream: Stream, room_id: str, guest: Guest, surroundings: Surroundings) -> None:
        self._stream = stream
        self._room_id = room_id
        self._guest = guest
        self._around = surroundings
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stream_clock = StreamClock()
        self._link: RtpLink | None = None
        self._queue: SendQueue | None = None
        self._video: VideoSender | None = None
        self._audio: AudioSender | None = None
        self._sent: dict[Kind, SentStream] = {}
        self._put_s: dict[Kind, float] = {}
        self._broken = 0
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def counts(self) -> GuestCounts:
        """What has gone into the room so far."""
        counts = GuestCounts(broken=self._broken)
        for stream in self._sent.values():
            counts.packets += stream.packets
            counts.size_bytes += stream.size_bytes
        if self._video is not None:
            counts.dropped_b_frames, counts.repeats = self._video.dropped_b_frames, self._video.repeats
        if self._audio is not None:
            counts.broken += self._audio.broken
        return counts

    @property
    def sent_bytes(self) -> int:
        """Bytes of RTP payloads."""
        return sum(stream.size_bytes for stream in self._sent.values())

    async def run(self, on_begun: Callable[[], None]) -> None:
        """Comes in, stays as long as the stream is there, and leaves.

        Args:
            on_begun: Called when it is in the room, and all that it has is offered.

        Raises:
            RefusedError: Rooms cannot have such a stream, or this room does not let it in.
            RoomClosedError: The room, or its worker, is gone.
            StreamClosedError: Nobody publishes the stream.
        """
        tracks = {track.id: track for track in await self._stream.wait_for_tracks()}
        video, audio = tracks.get(_VIDEO), tracks.get(_AUDIO)
        _check(self._stream.path, video, audio)
        seat = await self._around.rooms.enter(self._room_id, self._guest)
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            self._link = await RtpLink.open(seat.router, self._on_packet)
            self._link.transport.observer.once("close", self._on_room_closed)
            self._queue = SendQueue(self._around.clock, self._link.send)
            self._start(self._wait_for_close(), ended)
            self._start(self._report(), ended)
            await self._begin_tracks(seat, ended)
            on_begun()
            self._start(self._look_for_tracks(seat, ended), ended)
            await ended
        except ControllerError as error:
            raise RoomClosedError(f"room {self._room_id}: {error}") from error
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if not ended.cancel() and not ended.cancelled():
                ended.exception()  # it was of no interest any more
            seat.leave()
            if self._queue is not None:
                self._queue.close()
            if self._link is not None:
                self._link.close()

    def _start(self, work: Coroutine[None, None, None], ended: asyncio.Future[None]) -> None:
        """Does it beside the rest. When one of these raises (the stream or the room is over, say), everything ends."""

        def done(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None and not ended.done():
                ended.set_exception(error)

        task = asyncio.create_task(work)
        task.add_done_callback(done)
        self._tasks.append(task)

    async def _begin_tracks(self, seat: Seat, ended: asyncio.Future[None]) -> None:
        """Brings in the stream's main tracks that are not in yet."""
        tracks = {track.id: track for track in self._stream.tracks.values() if not track.ended}
        video, audio = tracks.get(_VIDEO), tracks.get(_AUDIO)
        if video is not None and Kind.VIDEO not in self._sent:
            self._start(await self._begin_video(seat, video), ended)
        if audio is not None and Kind.AUDIO not in self._sent:
            self._start(await self._begin_audio(seat, audio), ended)

    async def _look_for_tracks(self, seat: Seat, ended: asyncio.Future[None]) -> None:
        """A publisher may begin with sound, and add pictures later."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._begin_tracks(seat, ended)

    async def _wait_for_close(self) -> None:
        await self._closed
        raise RoomClosedError(f"room {self._room_id} has closed")

    def _on_room_closed(self) -> None:
        if not self._closed.done():
            self._closed.set_result(None)

    # ------------------------------------------------------------ pictures

    async def _begin_video(self, seat: Seat, track: Track) -> Coroutine[None, None, None]:
        sent = SentStream(VIDEO_TYPE, RATE_HZ, self._guest.id)
        sender = self._video = VideoSender(sent, self._around.b_frames)
        subscription = self._stream.subscribe(Start.FAST, (Kind.VIDEO,))
        if track.config is not None:
            sender.remember(track.config)
        while (reading := subscription.next_now()) is not None:
            if reading.packet.track == _VIDEO:
                self._take_video(reading.packet, lambda packet: sender.remember(packet))
        await self._produce(seat, "video", video_parameters(sent.ssrc, self._guest.id))
        self._sent[Kind.VIDEO] = sent

        async def go_on() -> None:
            while (reading := await subscription.next()) is not None:
                if reading.packet.track != _VIDEO:
                    continue
                if reading.skipped and track.config is not None:
                    sender.remember(track.config)
                self._take_video(reading.packet, self._send_video)
            raise StreamClosedError(f"{self._stream.path} is over")

        return go_on()

    def _take_video(self, packet: Packet, take: Callable[[Packet], object]) -> None:
        if packet.codec is not Codec.H264 and packet.codec is not None:
            raise _cannot_have(self._stream.path, packet.codec)
        self._stream_clock.came(packet.dts_ms, self._around.clock.time())
        try:
            take(packet)
        except ParseError as error:
            self._count_broken(error)

    def _send_video(self, packet: Packet) -> None:
        assert self._video is not None
        self._put(self._video.send(packet, self._around.clock.time()), Kind.VIDEO)
        self._repeat()

    def _repeat(self) -> None:
        if self._video is not None and self._queue is not None and Kind.VIDEO in self._sent:
            self._put(self._video.repeat(self._around.clock.time()), Kind.VIDEO)

    # ------------------------------------------------------------ sound

    async def _begin_audio(self, seat: Seat, track: Track) -> Coroutine[None, None, None]:
        sent = SentStream(AUDIO_TYPE, AUDIO_RATE_HZ, self._guest.id)

        def send(packet: bytes, time_ms: int) -> None:
            self._stream_clock.came(time_ms, self._around.clock.time())
            self._put([packet], Kind.AUDIO)

        sender = self._audio = AudioSender(sent, self._around.thread, send)
        await self._produce(seat, "audio", audio_parameters(sent.ssrc, self._guest.id))
        self._sent[Kind.AUDIO] = sent
        return sender.run(self._stream, track)

    # ------------------------------------------------------------ both

    async def _produce(self, seat: Seat, kind: str, parameters: RtpParameters) -> None:
        assert self._link is not None
        producer = await self._link.transport.produce(
            kind="video" if kind == "video" else "audio",
            rtp_parameters=parameters,
            app_data={"peerId": self._guest.id, "source": "live", "stream": self._stream.path},
        )
        await seat.offer(producer)

    def _put(self, packets: list[bytes], kind: Kind) -> None:
        if not packets:
            return
        assert self._queue is not None
        if not self._queue.put(packets):
            logger.warning("stream=%s room=%s the worker takes too little", self._stream.path, self._room_id)
        now_s = self._around.clock.time()
        if now_s - self._put_s.get(kind, -inf) > REPORT_EVERY_S:  # what was reported before a pause does not count
            self._report_on(self._sent[kind])
        self._put_s[kind] = now_s

    async def _report(self) -> None:
        """Says once a second which time of either stream is now, by one clock: so sound and picture stay together."""
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            for sent in self._sent.values():
                if sent.packets:
                    self._report_on(sent)
            self._repeat()  # a wish may have waited for its turn

    def _report_on(self, sent: SentStream) -> None:
        assert self._link is not None
        time_ms = self._stream_clock.time_ms(self._around.clock.time())
        self._link.send(sent.report(self._around.unix_s(), sent.rate_hz // 1_000 * time_ms))

    def _on_packet(self, packet: bytes) -> None:
        """RTCP of the worker."""
        if not is_rtcp(packet) or self._video is None:
            return
        try:
            said = read_rtcp(packet)
        except ParseError as error:
            self._count_broken(error)
            return
        if any(isinstance(one, KeyFrameRequest) for one in said):
            self._video.key_frame_wanted()
            self._repeat()

    def _count_broken(self, error: ParseError) -> None:
        self._broken += 1
        if self._broken == 1:
            logger.warning("stream=%s room=%s a packet is broken: %s", self._stream.path, self._room_id, error)


def _check(path: str, video: Track | None, audio: Track | None) -> None:
    """Whether a room can have these tracks."""
    if video is None and audio is None:
        raise RefusedError(f"{path} has neither pictures nor sound")
    if video is not None and video.codec is not Codec.H264 and video.codec is not None:
        raise _cannot_have(path, video.codec)


def _cannot_have(path: str, codec: Codec) -> RefusedError:
    return RefusedError(f"{path} has {codec.value} pictures, rooms take H.264 (avc1) from live streams")
