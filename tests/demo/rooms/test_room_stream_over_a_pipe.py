"""A room's person as a live stream, though its media comes over a pipe that is lost: the stream goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import pytest

from miso.controller import PipeTransport
from miso.demo.rooms.bridged_rooms import BridgedRooms
from miso.demo.server import DemoServer
from miso.live.media.codec import Kind
from miso.live.streams.registry import Streams
from miso.live.streams.stream import StreamSettings
from miso.live.streams.subscription import Start
from tests.demo.client import RoomClient
from tests.demo.conftest import SPREAD
from tests.demo.rooms.test_speakers import PACKETS_PER_S, packet, talker

pytest.importorskip("av", reason="PyAV is missing")

PATH = "rooms/r/x"
WITHIN_S = 60.0
ENOUGH = 20


@pytest.fixture
def server_settings() -> Mapping[str, object]:
    return SPREAD


def nothing() -> None:
    """Nobody wants to know."""


async def test_who_plays_it_hears_on_after_the_pipe_was_lost_twice(server: DemoServer, url: str) -> None:
    from miso.live.bridge.from_room.audio_receiver import SoundForm
    from miso.live.bridge.from_room.picture_codec import PictureCodec
    from miso.live.bridge.from_room.room_stream import RoomStream, Surroundings
    from miso.live.bridge.transcoding.worker_thread import TranscodingThread

    clients = [await RoomClient.connect(url, "r", name) for name in "xy"]
    for client in clients:
        await client.join()
    [room] = server.rooms.rooms
    here, there = room.shards.first, next(shard for shard in room.shards.all if shard is not room.shards.first)
    pipes: list[PipeTransport] = []
    here.router.observer.on("newtransport", lambda new: pipes.append(new) if isinstance(new, PipeTransport) else None)
    [name] = there.participants
    producer = await talker(there, name, 7)
    room.cluster.members[name].offer(producer)

    async def speak() -> None:
        for number in range(1_000_000):
            producer.send(packet(7, number, 10))
            await asyncio.sleep(1 / PACKETS_PER_S)

    loop, thread = asyncio.get_running_loop(), TranscodingThread()
    streams = Streams(StreamSettings(grace_s=5, wait_s=30), loop, 10)
    around = Surroundings(BridgedRooms(server.rooms), streams, thread, loop, time.time, tuple(PictureCodec), 0)
    subscription = streams.get_or_create(PATH).subscribe(Start.FAST)
    running = asyncio.create_task(RoomStream("r", name, PATH, SoundForm.OPUS, around).run(nothing))
    speaking = asyncio.create_task(speak())

    async def hears() -> None:
        async with asyncio.timeout(WITHIN_S):
            heard = 0
            while heard < ENOUGH:
                reading = await subscription.next()
                assert reading is not None, "the stream is over"
                heard += reading.packet.track.kind is Kind.AUDIO and not reading.packet.is_config

    await hears()
    for _ in range(2):
        [pipe] = [pipe for pipe in pipes if not pipe.closed]
        pipe.close()
        async with asyncio.timeout(WITHIN_S):
            while all(pipe.closed for pipe in pipes):  # noqa: ASYNC110  what is waited for tells nobody
                await asyncio.sleep(0.02)
        for _ in range(3):
            await hears()
    assert not running.done()
    for task in (speaking, running):
        task.cancel()
    await asyncio.gather(speaking, running, return_exceptions=True)
    thread.close()
    for client in clients:
        await client.close()
