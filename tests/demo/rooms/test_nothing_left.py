"""Whatever people and programs do, and however they go: when all have gone, nothing of theirs is left or counted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import WebSocketException

from miso.demo.server import DemoServer
from tests.demo.client import AUDIO, SCTP_CAPABILITIES, VIDEO, Rejected, RoomClient
from tests.demo.conftest import free_ports, ws_url
from tests.patience import PATIENCE_S

PEERS, ROOMS, TRANSPORTS = 12, 3, 40
"""All that their address may have at once."""
STEPS = 40
GONE = (OSError, WebSocketException, Rejected, TimeoutError, asyncio.CancelledError, httpx.HTTPError)


class Visitor:
    """Does this and that at random, much of it wrong or at the wrong time."""

    def __init__(self, url: str, random_: random.Random, number: int) -> None:
        self.url, self.random = url, random_
        self.number = number
        self.client: RoomClient | None = None
        self.ids: dict[str, list[str]] = {"transportId": ["none"], "producerId": ["none"], "dataProducerId": ["none"]}

    async def step(self) -> None:
        if self.client is None:
            room, peer = f"r{self.random.randrange(ROOMS + 1)}", f"p{self.random.randrange(PEERS)}"
            self.client = await RoomClient.connect(self.url, room, peer, answers=self.random.random() < 0.5)
            return
        act: Callable[[RoomClient], Awaitable[None]] = self.random.choice(
            [self.join, self.transport, self.produce, self.produce, self.produce_data, self.ask, self.ask, self.go]
        )
        waiting = asyncio.ensure_future(act(self.client))
        if self.random.random() < 0.3:  # it does not wait for the answer
            await asyncio.sleep(self.random.random() * 0.01)
            waiting.cancel()
        await waiting

    async def join(self, client: RoomClient) -> None:
        await client.join(data=self.random.random() < 0.5)

    async def transport(self, client: RoomClient) -> None:
        made = await client.transport(
            producing=True, consuming=self.random.random() < 0.5, sctpCapabilities=SCTP_CAPABILITIES
        )
        self.ids["transportId"].append(made["id"])

    async def produce(self, client: RoomClient) -> None:
        kind, parameters = self.random.choice([("audio", AUDIO), ("video", VIDEO), ("audio", VIDEO)])
        made = await client.request(
            "produce", transportId=self.random.choice(self.ids["transportId"]), kind=kind, rtpParameters=parameters
        )
        self.ids["producerId"].append(made["id"])

    async def produce_data(self, client: RoomClient) -> None:
        made = await client.request(
            "produceData",
            transportId=self.random.choice(self.ids["transportId"]),
            sctpStreamParameters={"streamId": self.random.randrange(3), "ordered": True},
            label=self.random.choice(["chat", "bot", "x"]),
        )
        self.ids["dataProducerId"].append(made["id"])

    async def ask(self, client: RoomClient) -> None:
        method, name = self.random.choice(
            [
                ("closeProducer", "producerId"),
                ("pauseProducer", "producerId"),
                ("getProducerStats", "producerId"),
                ("getDataProducerStats", "dataProducerId"),
                ("restartIce", "transportId"),
                ("connectWebRtcTransport", "transportId"),
            ]
        )
        await client.request(method, **{name: self.random.choice(self.ids[name])})

    async def go(self, client: RoomClient) -> None:
        self.client = None
        if self.random.random() < 0.5:
            client.abort()
        else:
            await client.close()


async def broadcast(http: httpx.AsyncClient, random_: random.Random) -> None:
    """A program that makes, uses and deletes broadcasters, sometimes while it makes something of them."""
    path = f"/rooms/r{random_.randrange(ROOMS + 1)}/broadcasters"
    who = {"id": f"p{random_.randrange(PEERS)}", "displayName": "b", "device": {"name": "b"}}
    await http.post(path, json=who)
    making = [
        asyncio.ensure_future(http.post(f"{path}/{who['id']}/transports", json={"type": kind, "rtcpMux": True}))
        for kind in ("plain", "webrtc", "wrong")
    ]
    await asyncio.sleep(random_.random() * 0.01)
    await http.delete(f"{path}/{who['id']}")
    await asyncio.gather(*making)


@pytest.mark.parametrize(("seed", "workers"), [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2)])
async def test_when_all_have_gone_nothing_is_left_and_everything_can_be_had_again(
    tmp_path: Path, seed: int, workers: int
) -> None:
    server = DemoServer(
        free_ports(
            tmp_path,
            workers=workers,
            spread_viewers_at=0,
            spread_senders_at=0,
            spread_gain=0,
            max_rooms=ROOMS,
            max_rooms_per_address=ROOMS,
            max_connections_per_address=PEERS,
            max_transports_per_address=TRANSPORTS,
            broadcaster_timeout=1,
        )
    )
    await server.start()
    random_ = random.Random(seed)
    visitors = [Visitor(ws_url(server), random_, number) for number in range(PEERS + 2)]

    async def visit(visitor: Visitor) -> None:
        for _ in range(STEPS):
            await ignored(visitor.step())

    async def be_programs(http: httpx.AsyncClient) -> None:
        for _ in range(STEPS // 2):
            await ignored(broadcast(http, random_))

    async with (
        httpx.AsyncClient(
            base_url=ws_url(server).replace("ws", "http", 1), trust_env=False, timeout=PATIENCE_S
        ) as http,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(be_programs(http))
        for visitor in visitors:
            group.create_task(visit(visitor))
    for visitor in visitors:
        if visitor.client is not None:
            visitor.client.abort()
    async with asyncio.timeout(PATIENCE_S):
        while len(server.rooms):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    left = {name: value for name, (_, value) in server.gauges().items() if value and name != "miso_workers"}
    assert left == {}
    for worker in server.workers.pool.workers:
        assert (await worker.dump()).router_ids == []
        for webrtc_server in worker.web_rtc_servers:
            dump = await webrtc_server.dump()
            assert (dump.web_rtc_transport_ids, dump.local_ice_username_fragments, dump.tuple_hashes) == ([], [], [])
    assert server.worker_faults() == 0
    await take_everything(ws_url(server))
    await server.close()


async def take_everything(url: str) -> None:
    """As much as the limits allow, and then no more."""
    clients = [await RoomClient.connect(url, f"n{number % ROOMS}", f"{number}") for number in range(PEERS)]
    for number in range(TRANSPORTS):
        await clients[number % PEERS].transport()
    with pytest.raises(Rejected, match="too many transports from this address"):
        await clients[0].transport()
    with pytest.raises(WebSocketException):
        await RoomClient.connect(url, "n0", "one more")
    for client in clients:
        await client.close()


async def ignored(doing: Awaitable[Any]) -> None:
    """What is refused, or cut short, is no matter."""
    try:
        await doing
    except GONE:
        pass


async def test_what_somebody_asks_for_is_given_up_when_it_goes(server: DemoServer) -> None:
    client = await RoomClient.connect(ws_url(server), "r", "p")
    ((session,),) = [room.sessions for room in server.rooms.rooms]
    given_up = asyncio.Event()

    async def takes_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    session.start_task(takes_for_ever())
    await asyncio.sleep(0)  # it begins
    client.abort()
    async with asyncio.timeout(PATIENCE_S):
        await given_up.wait()
