"""What a program records goes on when the pipe or host that it came over is back; the program hears of nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import nullcontext, suppress

import httpx
import pytest

from miso.controller import Consumer, PipeTransport
from miso.demo.broadcasters.feed import Feed
from miso.demo.rooms.room import Room
from miso.demo.server import DemoServer
from tests.cluster.directory.recorder import until
from tests.demo.broadcasters.test_broadcasters import BROADCASTERS, TRANSPORTS, WHO, address, made, plain
from tests.demo.client import RTP_CAPABILITIES, SCTP_CAPABILITIES, RoomClient
from tests.demo.conftest import SPREAD, ws_url
from tests.demo.rooms.test_speakers import packet, talker

WITHIN_S = 30.0


@pytest.fixture
def server_settings() -> Mapping[str, object]:
    return SPREAD


class Recorder:
    """A broadcaster in a room of two, who are at a worker each, and what it gets over plain RTP.

    Attributes:
        room: The room.
        here: The part of the room where it is.
        there: The other one.
        sender: Who of the two is there.
        other: The client of who is here.
        http: Its requests go there.
    """

    def __init__(
        self, room: Room, http: httpx.AsyncClient, socket: socket.socket, clients: dict[str, RoomClient]
    ) -> None:
        self.room = room
        self.here = room.broadcasters["b"].shard
        [self.there] = [shard for shard in room.shards.all if shard is not self.here]
        [self.sender] = self.there.participants
        [self.other] = [client for name, client in clients.items() if name != self.sender]
        self.http = http
        self._socket = socket
        self._pipes: list[PipeTransport] = []
        assert self.here is not None
        self.here.router.observer.on(
            "newtransport", lambda new: self._pipes.append(new) if isinstance(new, PipeTransport) else None
        )

    async def transport(self, **options: object) -> str:
        """A transport that sends to its socket; gives its path."""
        transport = await plain(self.http, comedia=False, rtcpMux=True, **options)
        path = f"{TRANSPORTS}/{transport['id']}"
        ip, port = self._socket.getsockname()
        response = await self.http.post(f"{path}/connect", json={"ip": ip, "port": port})
        assert response.status_code == 200, response.text
        return path

    def lose_pipes(self) -> int:
        """Its ends of all pipes close; how many there were."""
        pipes, self._pipes[:] = [pipe for pipe in self._pipes if not pipe.closed], []
        for pipe in pipes:
            pipe.close()
        return len(pipes)

    async def hears(self) -> tuple[int, int]:
        """Waits for an RTP packet: its SSRC and payload type."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(WITHIN_S):
            while True:
                data = await loop.sock_recv(self._socket, 2048)
                if data[1] & 0x7F < 64 or data[1] & 0x7F >= 96:  # RTCP has 64 to 95 there (RFC 5761)
                    return int.from_bytes(data[8:12], "big"), data[1] & 0x7F

    async def hears_of_now(self) -> tuple[int, int]:
        """Waits for an RTP packet that comes from now on: its SSRC and payload type."""
        with suppress(BlockingIOError):
            while True:
                self._socket.recv(2048)
        return await self.hears()

    async def is_given_another(self, before: dict[str, Consumer]) -> dict[str, Consumer]:
        """Waits until what it had has closed, and there is something instead."""
        kept = self.room.broadcasters["b"].consumers
        await until(lambda: bool(kept) and not kept.keys() & before.keys(), WITHIN_S)
        return dict(kept)


@pytest.fixture
async def recorder(server: DemoServer) -> AsyncIterator[Recorder]:
    clients = [await RoomClient.connect(ws_url(server), "r", name) for name in "xy"]
    for client in clients:
        await client.join(data=True)
    async with httpx.AsyncClient(base_url=address(server), trust_env=False, timeout=WITHIN_S) as http:
        await made(http, BROADCASTERS, {**WHO, "rtpCapabilities": RTP_CAPABILITIES})
        [room] = server.rooms.rooms
        with socket.socket(type=socket.SOCK_DGRAM) as receiving:
            receiving.setblocking(False)
            receiving.bind(("127.0.0.1", 0))
            yield Recorder(room, http, receiving, dict(zip("xy", clients, strict=True)))
    for client in clients:
        await client.close()


async def test_a_recording_goes_on_after_its_pipe_was_lost_and_after_who_sends_was_gone(recorder: Recorder) -> None:
    room, name = recorder.room, recorder.sender
    producer = await talker(recorder.there, name, 7)
    room.cluster.members[name].offer(producer)

    async def speak() -> None:
        for number in range(1_000_000):
            producer.send(packet(7, number, 10))
            await asyncio.sleep(0.02)

    speaking = asyncio.create_task(speak())
    path = await recorder.transport()
    told = await made(recorder.http, f"{path}/consume?producerId={producer.id}", None)
    stream = told["rtpParameters"]["encodings"][0]["ssrc"], told["rtpParameters"]["codecs"][0]["payloadType"]
    assert await recorder.hears() == stream
    first = dict(room.broadcasters["b"].consumers)
    assert recorder.lose_pipes() == 1
    second = await recorder.is_given_another(first)
    assert await recorder.hears_of_now() == stream
    room.cluster.members[name].leave()
    await until(lambda: not room.broadcasters["b"].consumers, WITHIN_S)
    room.cluster.enter(name, recorder.there.id, {"id": name}).offer(producer)
    third = await recorder.is_given_another(second)
    assert await recorder.hears_of_now() == stream
    assert len(third) == 1
    speaking.cancel()
    producer.close()
    await until(lambda: not room.broadcasters["b"].consumers, WITHIN_S)


async def test_messages_go_on_over_the_same_stream(recorder: Recorder) -> None:
    room, name = recorder.room, recorder.sender
    transport = await recorder.there.router.create_direct_transport()
    producer = await transport.produce_data(label="subtitles")
    room.cluster.members[name].offer_data(producer)
    path = await recorder.transport(sctpCapabilities=SCTP_CAPABILITIES)
    told = await made(recorder.http, f"{path}/consume/data", {"dataProducerId": producer.id})
    kept = room.broadcasters["b"].data_consumers
    [first] = kept.values()
    assert recorder.lose_pipes() == 1
    await until(lambda: bool(kept) and first.id not in kept, WITHIN_S)
    [second] = kept.values()
    assert second.sctp_stream_parameters is not None
    assert second.sctp_stream_parameters.stream_id == told["streamId"]


async def test_a_recorder_that_is_deleted_is_sent_nothing_more(recorder: Recorder) -> None:
    room, name = recorder.room, recorder.sender
    producer = await talker(recorder.there, name, 7)
    room.cluster.members[name].offer(producer)
    path = await recorder.transport()
    await made(recorder.http, f"{path}/consume?producerId={producer.id}", None)
    broadcaster = room.broadcasters["b"]
    await recorder.other.seen("newConsumer")
    recorder.lose_pipes()
    assert (await recorder.http.delete(f"{BROADCASTERS}/b")).status_code == 200
    await recorder.other.seen("newConsumer", count=2)
    assert not broadcaster.consumers


async def test_a_recording_goes_on_after_its_pipe_was_lost_twice_at_once(recorder: Recorder) -> None:
    room, name = recorder.room, recorder.sender
    producer = await talker(recorder.there, name, 7)
    room.cluster.members[name].offer(producer)
    broadcaster, here = room.broadcasters["b"], recorder.here
    assert here is not None
    capabilities = broadcaster.rtp_capabilities
    assert capabilities is not None
    await recorder.transport()
    [transport] = broadcaster.transports.values()
    times = 0

    async def consume(_: Consumer | None) -> Consumer:
        nonlocal times
        times += 1
        if times == 2:
            recorder.lose_pipes()
        return await transport.consume(producer_id=producer.id, rtp_capabilities=capabilities)

    feed = Feed(
        broadcaster,
        here,
        producer.id,
        here.fetch,
        consume,
        nullcontext,
        lambda made: broadcaster.keep(broadcaster.consumers, made),
    )
    first = await feed.begin()
    recorder.lose_pipes()
    await recorder.is_given_another({first.id: first})
    assert times == 3
