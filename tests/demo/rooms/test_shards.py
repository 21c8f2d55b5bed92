"""A room over two workers: its people see and hear each other as in one; one worker's death is its people's alone."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from miso.controller import PipeTransport, Producer
from miso.demo.rooms.bridged_rooms import BridgedRooms
from miso.demo.rooms.room import Room
from miso.demo.server import DemoServer
from miso.live.bridge.rooms import Guest
from tests.demo.client import AUDIO, RTP_CAPABILITIES, VIDEO, RoomClient
from tests.demo.conftest import free_ports, ws_url
from tests.demo.rooms.test_speakers import packet, speak, talker
from tests.patience import PATIENCE_S

SPREAD = {"workers": 2, "spread_viewers_at": 0, "spread_senders_at": 0, "spread_gain": 0}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[DemoServer]:
    """Each who comes goes to the worker with the least to do, however long that takes to answer."""
    server = DemoServer(free_ports(tmp_path, **SPREAD, worker_timeout=0))
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


async def until(holds: Callable[[], bool]) -> None:
    """Waits for what tells nobody that it happens."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_consumer_whose_pipe_is_made_anew_is_given_again_and_once(server: DemoServer) -> None:
    first, second, room = await two(server)
    pipes: list[PipeTransport] = []
    room.shards.all[1].router.observer.on("newtransport", pipes.append)
    audio = await first.produce("audio", AUDIO)
    await second.seen("newConsumer")
    data = await first.produce_data("chat")
    await second.seen("newDataConsumer", lambda told: told["label"] == "chat")
    ends = [pipe for pipe in pipes if isinstance(pipe, PipeTransport)]
    assert len(ends) == 2, "one for media, one for data"
    for end in ends:
        end.close()
    await second.seen("consumerClosed")
    await second.seen("dataConsumerClosed")
    assert (await second.seen("newConsumer", count=2))["producerId"] == audio
    again = await second.seen("newDataConsumer", lambda told: told["label"] == "chat", count=2)
    assert again["dataProducerId"] == data
    ((session,),) = [[session for session in room.sessions if session.id == "b"]]
    await until(lambda: len(session.consumers) == 1)
    assert session.given[audio] == session.given[data] == 1
    await first.close()
    await second.seen("consumerClosed", count=2)
    await second.close()


async def test_a_channel_that_was_lost_with_its_host_is_given_again_to_who_had_it(server: DemoServer) -> None:
    first, second, room = await two(server)
    near, far = room.shards.all
    transport = await near.router.create_direct_transport()
    data = await transport.produce_data(label="position")
    room.cluster.members["a"].offer_data(data)
    server.workers.loads.place(near.worker, "a room", sends=True)
    third = await RoomClient.connect(ws_url(server), "r", "c")
    await third.join(data=True)
    assert "c" in far.participants
    await third.seen("newDataConsumer", lambda told: told["dataProducerId"] == data.id)
    member = room.cluster.members["a"]
    member.leave()
    await second.seen("peerClosed")
    await until(lambda: not any(data.id in session.given for session in room.sessions))
    room.cluster.enter("a", member.shard, {"id": "a"}).offer_data(data)
    await third.seen("newDataConsumer", lambda told: told["dataProducerId"] == data.id, count=2)
    assert all(told["dataProducerId"] != data.id for method, told in second.log if method == "newDataConsumer")
    for client in (first, second, third):
        await client.close()


async def test_who_leaves_while_something_is_fetched_wants_it_no_more(server: DemoServer) -> None:
    first, second, room = await two(server)
    audio = await first.produce("audio", AUDIO)
    await second.seen("newConsumer")
    near, far = room.shards.all
    server.workers.loads.place(near.worker, "a room", sends=True)
    third = await RoomClient.connect(ws_url(server), "r", "c")
    await third.transport(consuming=True)
    assert "c" in far.participants
    os.kill(far.worker.pid, signal.SIGSTOP)
    try:
        await third.request("join", displayName="C", device={}, rtpCapabilities=RTP_CAPABILITIES)
        await until(lambda: any(one.id == "c" and one.given[audio] for one in room.sessions))
        third.abort()
        await first.seen("peerClosed")
    finally:
        os.kill(far.worker.pid, signal.SIGCONT)
    await second.close()
    await first.seen("peerClosed", count=2)
    await until(lambda: not room.cluster.facts.wanting(audio))
    await first.close()


async def test_who_makes_both_transports_together_is_placed_once(server: DemoServer) -> None:
    url = ws_url(server)
    first, second = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await first.join()
    await asyncio.gather(second.transport(producing=True), second.transport(producing=False))
    [room] = server.rooms.rooms
    assert [sorted(shard.participants) for shard in room.shards.all] == [["a"], ["b"]]
    await second.close()
    await first.close()


async def test_who_leaves_while_its_part_of_the_room_is_made_leaves_nothing(server: DemoServer) -> None:
    url = ws_url(server)
    first, second = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await first.join()
    [room] = server.rooms.rooms
    [shard] = room.shards.all
    [idle] = [worker for worker in server.workers.pool.workers if worker is not shard.worker]
    third = await RoomClient.connect(url, "r", "c")
    others = [f"somebody {number}" for number in range(5)]
    for other in others:  # so many that all three are to go to the idle one
        server.workers.loads.place(shard.worker, other, sends=True)
    os.kill(idle.pid, signal.SIGSTOP)
    try:
        waiting = [asyncio.create_task(one.transport(producing=True)) for one in (second, second, third)]
        await asyncio.sleep(0.2)
        assert room.shards.all == [shard]
        second.abort()
        await until(lambda: len(room.sessions) == 2)
    finally:
        os.kill(idle.pid, signal.SIGCONT)
    await waiting[2]
    assert [sorted(shard.participants) for shard in room.shards.all] == [["a"], ["c"]]
    assert len((await idle.dump()).router_ids) == 1
    await third.close()
    await until(lambda: len(room.shards.all) == 1)
    assert (await idle.dump()).router_ids == []
    for task in waiting:
        task.cancel()
    await first.close()
    await until(lambda: server.workers.loads.participants == len(others))


async def test_a_worker_that_stands_still_holds_up_nobody_who_can_be_elsewhere(tmp_path: Path) -> None:
    server = DemoServer(free_ports(tmp_path, **SPREAD, worker_timeout=PATIENCE_S))
    server.workers.late_s = 1.0
    await server.start()
    url = ws_url(server)
    people = [await RoomClient.connect(url, "r", name) for name in "abcd"]
    await people[0].join()
    [room] = server.rooms.rooms
    [shard] = room.shards.all
    [idle] = [worker for worker in server.workers.pool.workers if worker is not shard.worker]
    os.kill(idle.pid, signal.SIGSTOP)
    try:
        await asyncio.gather(people[1].join(), people[2].join())
        await people[3].join()
        assert sorted(shard.participants) == list("abcd")
        other = await RoomClient.connect(url, "another", "e")
        await other.join()
    finally:
        os.kill(idle.pid, signal.SIGCONT)
    for client in (*people, other):
        await client.close()
    await until(lambda: not server.rooms.rooms)
    async with asyncio.timeout(PATIENCE_S):
        while (await idle.dump()).router_ids:
            pass
    await server.close()


async def test_the_only_worker_that_stands_still_is_waited_for_in_peace(tmp_path: Path) -> None:
    server = DemoServer(free_ports(tmp_path, workers=1, worker_timeout=8))
    await server.start()
    [worker] = server.workers.pool.workers
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        coming = asyncio.create_task(RoomClient.connect(ws_url(server), "r", "a"))
        await asyncio.sleep(server.workers.late_s)
        busy_s = time.process_time()
        await asyncio.sleep(server.workers.late_s)
        busy_s = time.process_time() - busy_s
    finally:
        os.kill(worker.pid, signal.SIGCONT)
    client = await coming
    await client.join()
    await client.close()
    await server.close()
    assert busy_s < server.workers.late_s / 4


async def test_who_waits_for_a_worker_that_dies_is_placed_on_another(server: DemoServer) -> None:
    url = ws_url(server)
    first, second = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await first.join()
    [room] = server.rooms.rooms
    [shard] = room.shards.all
    [idle] = [worker for worker in server.workers.pool.workers if worker is not shard.worker]
    os.kill(idle.pid, signal.SIGSTOP)
    waiting = asyncio.create_task(second.transport(producing=True))
    await asyncio.sleep(0.2)
    os.kill(idle.pid, signal.SIGKILL)
    await waiting
    await second.join()
    assert sorted(shard.participants) == ["a", "b"]
    await first.seen("newPeer")
    await first.close()
    await second.close()


class Viewer:
    """Somebody outside the room who looks at it."""

    def __init__(self) -> None:
        self.came: list[tuple[str, Producer]] = []

    def producer_came(self, participant_id: str, producer: Producer) -> None:
        self.came.append((participant_id, producer))

    def speaker_changed(self, participant_id: str) -> None:
        pass


async def test_who_looks_from_outside_sees_all_parts_and_keeps_the_one_where_it_looks(server: DemoServer) -> None:
    first, second, room = await two(server)
    shard = room.shards.first
    pipes: list[object] = []
    shard.router.observer.on("newtransport", pipes.append)
    viewer = Viewer()
    view = BridgedRooms(server.rooms).view("r", viewer)
    near, far = await first.produce("audio", AUDIO), await second.produce("video", VIDEO)
    await until(lambda: {(who, one.id) for who, one in viewer.came} == {("a", near), ("b", far)})
    assert {who: [one.id for one in sent] for who, sent in view.producers.items()} == {"a": [near], "b": [far]}
    await first.close()
    await second.seen("peerClosed")
    assert not view.router.closed, "nobody is there, but who looks"
    for pipe in pipes:
        if isinstance(pipe, PipeTransport):
            pipe.close()
    await until(lambda: [who for who, _ in viewer.came].count("b") == 2)
    assert [one.id for one in view.producers["b"]] == [far]
    view.close()
    view.close()
    assert (shard.closed, len(room.shards.all)) == (True, 1)
    await second.close()
    assert server.rooms.rooms == []


async def test_a_live_stream_is_seen_in_all_parts_with_how_well_it_arrives(server: DemoServer) -> None:
    first, second, _ = await two(server)
    seat = await BridgedRooms(server.rooms).enter("r", Guest(id="live:obs", display_name="Keynote", stream="live/obs"))
    transport = await seat.router.create_direct_transport()
    producer = await transport.produce(kind="audio", rtp_parameters=AUDIO, app_data={"peerId": "live:obs"})

    async def sound() -> None:
        for number in range(1_000_000):
            producer.send(packet(11111, number, 10))
            await asyncio.sleep(0.02)

    sounding = asyncio.create_task(sound())
    await until(lambda: [one.score for one in producer.score] == [10])
    await seat.offer(producer)
    for client in (first, second):
        assert (await client.seen("newPeer", lambda told: told["id"] == "live:obs"))["displayName"] == "Keynote"
        told = await client.seen("newConsumer")
        assert (told["peerId"], told["consumerScore"]["producerScore"]) == ("live:obs", 10)
    sounding.cancel()
    seat.leave()
    for client in (first, second):
        await client.seen("peerClosed", lambda told: told["peerId"] == "live:obs")
    await first.close()
    await second.close()
    assert server.workers.loads.participants == 0


async def test_what_was_paused_before_it_was_given_is_shown_as_paused(server: DemoServer) -> None:
    first, second, room = await two(server)
    audio = await first.produce("audio", AUDIO)
    await first.request("pauseProducer", producerId=audio)
    third = await RoomClient.connect(ws_url(server), "r", "c")
    await third.join()
    assert (await third.seen("newConsumer"))["producerPaused"]
    await first.request("resumeProducer", producerId=audio)
    await third.seen("consumerResumed")
    for client in (first, second, third):
        await client.close()
    assert room.closed


async def test_channels_that_are_not_of_the_chat_are_given_to_who_comes_later(server: DemoServer) -> None:
    first, second, _ = await two(server)
    await first.produce_data("position")
    await first.produce_data("chat")
    await second.seen("newDataConsumer", lambda told: told["label"] == "chat")
    for name in "cd":
        later = await RoomClient.connect(ws_url(server), "r", name)
        await later.join(data=True)
        await later.seen("newDataConsumer", lambda told: told["label"] == "position")
        await later.seen("newDataConsumer", lambda told: told["label"] == "chat")
        await later.close()
    assert all(told["label"] != "position" for method, told in second.log if method == "newDataConsumer")
    await first.close()
    await second.close()
