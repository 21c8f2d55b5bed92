"""A room over two workers: its people see and hear each other as in one; one worker's death is its people's alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from miso.demo.rooms.room import Room
from miso.demo.server import DemoServer
from tests.demo.client import AUDIO, VIDEO, RoomClient
from tests.demo.conftest import free_ports, ws_url
from tests.demo.rooms.test_speakers import speak, talker


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[DemoServer]:
    """Each who comes goes to the worker with the least to do."""
    server = DemoServer(free_ports(tmp_path, workers=2, spread_viewers_at=0, spread_senders_at=0, spread_gain=0))
    await server.start()
    yield server
    await server.close()


async def two(server: DemoServer) -> tuple[RoomClient, RoomClient, Room]:
    """Two in a room, each on a worker of its own."""
    url = ws_url(server)
    first, second = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await first.join(data=True)
    await second.join(data=True)
    [room] = server.rooms.rooms
    assert len({shard.worker for shard in room.shards.all}) == 2
    assert [sorted(shard.participants) for shard in room.shards.all] == [["a"], ["b"]]
    return first, second, room


async def test_they_are_given_what_the_others_send(server: DemoServer) -> None:
    first, second, _ = await two(server)
    assert (await first.seen("newPeer"))["id"] == "b"
    audio = await first.produce("audio", AUDIO)
    video = await second.produce("video", VIDEO)
    assert (await second.seen("newConsumer"))["producerId"] == audio
    assert (await first.seen("newConsumer"))["producerId"] == video
    third = await RoomClient.connect(ws_url(server), "r", "c")
    await third.join()
    await third.seen("newConsumer", count=2)
    await first.request("pauseProducer", producerId=audio)
    await second.seen("consumerPaused")
    await first.request("resumeProducer", producerId=audio)
    await second.seen("consumerResumed")
    await first.request("closeProducer", producerId=audio)
    await second.seen("consumerClosed")
    await first.request("changeDisplayName", displayName="Ann")
    assert (await second.seen("peerDisplayNameChanged"))["displayName"] == "Ann"
    await first.close()
    assert (await second.seen("peerClosed"))["peerId"] == "a"
    await second.close()
    await third.close()


async def test_the_chat_reaches_everybody_and_the_bot_has_one_channel_for_each(server: DemoServer) -> None:
    first, second, _ = await two(server)
    await first.produce_data("chat")
    told = await second.seen("newDataConsumer", lambda data: data["label"] == "chat")
    assert told["peerId"] == "a"
    for client in (first, second):
        await client.seen("newDataConsumer", lambda data: data["label"] == "bot")
        bots = [data for method, data in client.log if method == "newDataConsumer" and data["label"] == "bot"]
        assert len(bots) == 1
    await first.close()
    await second.close()


async def test_everybody_hears_of_the_same_speaker(server: DemoServer) -> None:
    first, second, room = await two(server)
    loud, soft = await talker(room.shards.all[0], "a", 1), await talker(room.shards.all[1], "b", 2)
    speaking = asyncio.create_task(speak(loud, soft))
    for client in (first, second):
        told = await client.seen("activeSpeaker", lambda data: data["peerId"])
        assert told["peerId"] in ("a", "b")
        assert await client.seen("activeSpeaker", lambda data: data == {"peerId": "a", "volume": -10})
    speaking.cancel()
    for client in (first, second):
        await client.seen("activeSpeaker", lambda data: data == {"peerId": None})
    await first.close()
    await second.close()


async def test_the_death_of_a_worker_is_its_peoples_alone(server: DemoServer) -> None:
    first, second, room = await two(server)
    third = await RoomClient.connect(ws_url(server), "r", "c")
    await third.join()
    neighbour = next(one for one, shard in zip("ab", room.shards.all, strict=True) if "c" in shard.participants)
    client, other = (first, second) if neighbour == "a" else (second, first)
    await client.produce("audio", AUDIO)
    consumer = (await third.seen("newConsumer"))["id"]
    died = room.shards.all[1 if neighbour == "a" else 0]
    os.kill(died.worker.pid, signal.SIGKILL)
    assert await other.closed() == 1012
    gone = "b" if neighbour == "a" else "a"
    assert (await third.seen("peerClosed"))["peerId"] == gone
    again = await RoomClient.connect(ws_url(server), "r", gone)
    await again.join()
    assert (await again.seen("newConsumer"))["peerId"] == neighbour
    await third.request("pauseConsumer", consumerId=consumer)
    assert "consumerClosed" not in third.methods
    assert not room.closed
    for one in (client, third, again):
        await one.close()


async def test_a_shard_that_nobody_is_on_ends(server: DemoServer) -> None:
    first, second, room = await two(server)
    shard = room.shards.all[1]
    await second.close()
    await first.seen("peerClosed")
    assert (room.shards.all, shard.closed) == ([room.shards.all[0]], True)
    await first.close()
    assert server.rooms.rooms == []
