"""Live streams in a room: what its viewers see and hear, when they come, and what is refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

import pytest

from miso import Producer, Worker
from miso.live.bridge.rooms import Guest, RoomClosedError
from miso.live.bridge.to_room.b_frames import BFrames
from miso.live.bridge.to_room.room_guest import RoomGuest, Surroundings
from miso.live.bridge.transcoding.worker_thread import TranscodingThread
from miso.live.errors import RefusedError, StreamClosedError
from miso.live.media.codec import Codec
from miso.live.media.packet import Packet
from miso.live.streams.publication import Publication
from miso.live.streams.registry import Streams
from miso.live.streams.stream import StreamSettings

pytest.importorskip("av", reason="PyAV is missing")
flashes = pytest.importorskip("tests.live.bridge.flashes")
one_room = pytest.importorskip("tests.live.bridge.one_room")
receiver = pytest.importorskip("tests.live.bridge.receiver")

PATH = "live/flashes"
GUEST = Guest(id="live:flashes", display_name="Flashes", stream=PATH)
TIMEOUT_S = 60


def nothing() -> None:
    """Nobody wants to know."""


@pytest.fixture
async def streams() -> Streams:
    return Streams(StreamSettings(grace_s=0.2), asyncio.get_running_loop(), 10)


@pytest.fixture
async def around(room: Any) -> AsyncIterator[Surroundings]:
    thread = TranscodingThread()
    yield Surroundings(room, thread, asyncio.get_running_loop(), time.time, BFrames.DROP)
    thread.close()


async def offered(room: Any, count: int = 2) -> dict[str, Producer]:
    async with asyncio.timeout(TIMEOUT_S):
        producers = [await room.offered.get() for _ in range(count)]
    return {producer.kind: producer for producer in producers}


async def viewers(room: Any, producers: dict[str, Producer]) -> tuple[Any, Any]:
    """Of the pictures, and of the sound."""
    video = await receiver.Viewer.of(room.router, producers["video"])
    return video, await receiver.Viewer.of(room.router, producers["audio"])


@asynccontextmanager
async def meanwhile(*works: Coroutine[Any, Any, None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Does them beside the test, which cancels them in the end."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_pictures_and_sound_come_together_and_a_late_viewer_need_not_wait(
    room: Any, streams: Streams, around: Surroundings
) -> None:
    publication = streams.publish(PATH, lambda: None)
    stream = streams.get_or_create(PATH)
    guest = RoomGuest(stream, "r", GUEST, around)
    running = asyncio.create_task(guest.run(nothing))
    publishing = asyncio.create_task(flashes.publish(publication, flashes.flashes(8)))
    producers = await offered(room)
    video, audio = await viewers(room, producers)
    await video.until(lambda: len(video.eye.flashes_ms) >= 2)
    await audio.until(lambda: len(audio.ear.beeps_ms) >= 2)
    late = await receiver.Viewer.of(room.router, producers["video"])
    await late.until(lambda: late.eye.seen)  # the stream has one key frame, at its beginning
    assert guest.counts.repeats >= 2
    await video.until(lambda: len(video.eye.flashes_ms) >= 5)
    await audio.until(lambda: len(audio.ear.beeps_ms) >= 5)
    skews = flashes.skews_ms(video.eye.flashes_ms, audio.ear.beeps_ms)
    *usual, worst = sorted(abs(skew) for skew in skews)
    assert max(usual) <= 80, skews
    assert worst <= 250, skews  # a moment in which the machine had no time for it
    await publishing
    publication.close()
    with pytest.raises(StreamClosedError):
        await asyncio.wait_for(running, TIMEOUT_S)
    assert room.has_left
    assert all(producer.closed for producer in producers.values())
    assert guest.counts.broken == 0


async def test_sound_and_picture_stay_together_when_the_stream_comes_late_at_times(
    room: Any, streams: Streams, around: Surroundings
) -> None:
    publication = streams.publish(PATH, lambda: None)
    guest = RoomGuest(streams.get_or_create(PATH), "r", GUEST, around)
    async with meanwhile(guest.run(nothing), stumble(publication, flashes.flashes(14))):
        skews = await skews_of(*await viewers(room, await offered(room)), 9)
    # Before, nobody knows yet how late what comes is; one that was lost on a machine without time shows as another one.
    assert median(abs(skew) for skew in skews[2:]) <= 80, skews


async def test_sound_and_picture_stay_together_when_the_publisher_comes_again(room: Any, around: Surroundings) -> None:
    streams = Streams(StreamSettings(grace_s=TIMEOUT_S), asyncio.get_running_loop(), 10)
    publication = streams.publish(PATH, lambda: None)
    guest = RoomGuest(streams.get_or_create(PATH), "r", GUEST, around)
    async with meanwhile(guest.run(nothing)):
        async with meanwhile(flashes.publish(publication, flashes.flashes(4))) as (publishing,):
            video, audio = await viewers(room, await offered(room))
            await publishing
        publication.close()
        await asyncio.sleep(3)
        before = len(audio.ear.beeps_ms)
        async with meanwhile(flashes.publish(streams.publish(PATH, lambda: None), flashes.flashes(9))):
            skews = await skews_of(video, audio, before + 5)
    assert median(abs(skew) for skew in skews[before:]) <= 80, skews


async def skews_of(video: Any, audio: Any, count: int) -> list[int]:
    """How much later than its flash each of so many beeps came; returns when the last one's flash has been seen."""
    await audio.until(lambda: len(audio.ear.beeps_ms) >= count)
    beeps_ms = audio.ear.beeps_ms[:count]
    await video.until(lambda: video.eye.seen[-1][0] > beeps_ms[-1] + 500)
    skews: list[int] = flashes.skews_ms(video.eye.flashes_ms, beeps_ms)
    return skews


async def stumble(publication: Publication, packets: list[Packet]) -> None:
    """Publishes what comes by a network that stands still for much of the time; pictures stand still longer."""
    begin_s = time.monotonic()
    late_ms = {flashes.VIDEO: 700, flashes.AUDIO: 400}
    due = [(packet.dts_ms // 770 * 770 + late_ms[packet.track], packet) for packet in packets]
    for due_ms, packet in sorted(due, key=lambda one: one[0]):
        await asyncio.sleep(begin_s + max(due_ms, packet.dts_ms) / 1_000 - time.monotonic())
        publication.write(packet)


async def test_opus_passes_through(room: Any, streams: Streams, around: Surroundings) -> None:
    publication = streams.publish(PATH, lambda: None)
    guest = RoomGuest(streams.get_or_create(PATH), "r", GUEST, around)
    async with meanwhile(guest.run(nothing), flashes.publish(publication, flashes.flashes(4, sound="libopus"))):
        producers = await offered(room)
        audio = await receiver.Viewer.of(room.router, producers["audio"])
        await audio.until(lambda: audio.ear.beeps_ms)
    assert room.has_left


async def test_pictures_that_come_after_the_sound_are_brought_in_too(
    room: Any, streams: Streams, around: Surroundings
) -> None:
    publication = streams.publish(PATH, lambda: None)
    guest = RoomGuest(streams.get_or_create(PATH), "r", GUEST, around)
    packets = flashes.flashes(6)
    sound = [packet for packet in packets if packet.codec is Codec.AAC]
    async with meanwhile(guest.run(nothing), flashes.publish(publication, sound)):
        assert list(await offered(room, 1)) == ["audio"]
        begin_ms = streams.get_or_create(PATH).tracks[flashes.AUDIO].ring.end * 1_024 // 48
        pictures = [packet.at(begin_ms + packet.dts_ms) for packet in packets if packet.codec is Codec.H264]
        async with meanwhile(flashes.publish(publication, pictures, begin_ms)):
            producers = await offered(room, 1)
            video = await receiver.Viewer.of(room.router, producers["video"])
            await video.until(lambda: len(video.eye.seen) > 10)


async def refusal(streams: Streams, around: Surroundings, packets: list[Packet]) -> str:
    publication = streams.publish(PATH, lambda: None)
    running = asyncio.create_task(RoomGuest(streams.get_or_create(PATH), "r", GUEST, around).run(nothing))
    for packet in packets:
        publication.write(packet)
    with pytest.raises(RefusedError) as refused:
        await asyncio.wait_for(running, TIMEOUT_S)
    return str(refused.value)


async def test_other_pictures_than_h264_are_refused(streams: Streams, around: Surroundings) -> None:
    packets = [
        Packet(flashes.VIDEO, Codec.VP9, 0, b"x", is_key=True),
        Packet(flashes.AUDIO, Codec.OPUS, 0, b"x", is_key=True),
    ]
    assert "vp09 pictures" in await refusal(streams, around, packets)


async def test_b_frames_that_others_need_are_refused_with_advice(streams: Streams, around: Surroundings) -> None:
    options = {"bf": "3", "x264-params": "b-adapt=0:b-pyramid=normal"}
    assert "bframes=0" in await refusal(streams, around, flashes.flashes(2, options=options))


async def test_other_b_frames_are_left_out(room: Any, streams: Streams, around: Surroundings) -> None:
    publication = streams.publish(PATH, lambda: None)
    guest = RoomGuest(streams.get_or_create(PATH), "r", GUEST, around)
    options = {"bf": "2", "x264-params": "b-adapt=0:b-pyramid=none"}
    async with meanwhile(guest.run(nothing), flashes.publish(publication, flashes.flashes(4, options=options))):
        producers = await offered(room)
        video = await receiver.Viewer.of(room.router, producers["video"])
        await video.until(lambda: len(video.eye.flashes_ms) >= 2)
        times = [time_ms for time_ms, _ in video.eye.seen]
        assert times == sorted(times)
        assert guest.counts.dropped_b_frames > 10


async def test_a_guest_whose_worker_dies_says_so(
    room: Any, worker: Worker, streams: Streams, around: Surroundings
) -> None:
    publication = streams.publish(PATH, lambda: None)
    running = asyncio.create_task(RoomGuest(streams.get_or_create(PATH), "r", GUEST, around).run(nothing))
    publishing = asyncio.create_task(flashes.publish(publication, flashes.flashes(4)))
    await offered(room)
    worker.kill("a test")
    with pytest.raises(RoomClosedError):
        await asyncio.wait_for(running, TIMEOUT_S)
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
