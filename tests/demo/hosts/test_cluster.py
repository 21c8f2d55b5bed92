"""Three servers and a Redis: their people are in one room, whichever server they came to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from miso.demo.hosts.draining import drain
from miso.demo.server import DemoServer
from tests.cluster.directory.recorder import until
from tests.cluster.directory.redis.redis_server import RedisServer
from tests.demo.client import AUDIO, VIDEO, RoomClient
from tests.demo.conftest import ws_url
from tests.demo.hosts.conftest import started
from tests.patience import PATIENCE_S


@pytest.fixture
async def servers(tmp_path: Path, redis: RedisServer) -> AsyncIterator[list[DemoServer]]:
    servers = [await started(tmp_path, redis, name, public_url=f"http://{name}.example") for name in "abc"]
    await until(lambda: all(len(server.directory.nodes) == 3 for server in servers))
    yield servers
    for server in servers:
        await server.close()


async def joined(server: DemoServer, peer_id: str, query: str = "") -> tuple[RoomClient, dict[str, Any]]:
    """A client that has joined room r, and what it was answered."""
    client = await RoomClient.connect(ws_url(server), "r", peer_id, query=query)
    return client, await client.join(data=True)


async def refused(server: DemoServer, peer_id: str) -> int:
    """The status with which a client is turned away."""
    with pytest.raises(InvalidStatus) as error:
        await RoomClient.connect(ws_url(server), "r", peer_id)
    return error.value.response.status_code


async def test_people_of_all_servers_are_in_one_room(servers: list[DemoServer]) -> None:
    ann, _ = await joined(servers[0], "ann")
    bob, _ = await joined(servers[1], "bob")
    cid, _ = await joined(servers[2], "cid")
    await ann.seen("newPeer", count=2)
    audio = await ann.produce("audio", AUDIO)
    video = await bob.produce("video", VIDEO)
    await cid.produce_data("chat")
    await cid.seen("newConsumer", count=2)
    assert {data["producerId"] for method, data in cid.log if method == "newConsumer"} == {audio, video}
    assert (await bob.seen("newConsumer"))["peerId"] == "ann"
    await ann.seen("newDataConsumer", lambda data: data["peerId"] == "cid")
    await ann.request("pauseProducer", producerId=audio)
    await bob.seen("consumerPaused")
    await cid.seen("consumerPaused")
    await bob.request("changeDisplayName", displayName="Bob")
    assert (await cid.seen("peerDisplayNameChanged"))["displayName"] == "Bob"
    await ann.request("closeProducer", producerId=audio)
    await cid.seen("consumerClosed")
    await bob.close()
    assert (await ann.seen("peerClosed"))["peerId"] == "bob"
    assert (await cid.seen("peerClosed"))["peerId"] == "bob"
    dave, answer = await joined(servers[1], "dave")
    assert {peer["id"] for peer in answer["peers"]} == {"ann", "cid"}
    for client in (ann, cid, dave):
        await client.close()


async def test_who_comes_again_through_another_server_has_its_place_there(servers: list[DemoServer]) -> None:
    bob, _ = await joined(servers[1], "bob")
    ann, _ = await joined(servers[0], "ann")
    await bob.seen("newPeer")
    again, _ = await joined(servers[2], "ann")
    assert await ann.closed() == 4000
    await bob.seen("newPeer", count=2)
    assert [method for method in bob.methods if method in ("newPeer", "peerClosed")] == [
        "newPeer",
        "peerClosed",
        "newPeer",
    ]
    await again.close()
    await bob.close()


async def test_limits_of_a_room_count_everybody(tmp_path: Path, redis: RedisServer) -> None:
    servers = [await started(tmp_path, redis, name, max_peers_per_room=2) for name in "ab"]
    ann, _ = await joined(servers[0], "ann")
    bob, _ = await joined(servers[1], "bob")
    await ann.seen("newPeer")
    for server in servers:
        assert await refused(server, "cid") == 503
    await ann.close()
    await bob.close()
    for server in servers:
        await server.close()


async def test_a_server_that_drains_sends_its_people_to_others(servers: list[DemoServer]) -> None:
    ann, answer = await joined(servers[0], "ann")
    bob, _ = await joined(servers[1], "bob")
    assert sorted(answer["servers"]) == ["http://b.example", "http://c.example"]
    await ann.seen("newPeer")
    await servers[0].drain()
    told = await ann.seen("moved")
    assert told["url"] in ("http://b.example", "http://c.example")
    assert told["passedHosts"] == ["a"]
    assert await ann.closed() == 1012
    late = await RoomClient.connect(ws_url(servers[0]), "r", "late")
    assert (await late.seen("moved"))["url"] in ("http://b.example", "http://c.example")
    assert await late.closed() == 1012
    again, _ = await joined(servers[2], "ann", query="&passedHosts=a")
    await bob.seen("newPeer", lambda data: data["id"] == "ann")
    await again.close()
    await bob.close()


async def test_people_are_told_when_servers_come_and_go(
    servers: list[DemoServer], tmp_path: Path, redis: RedisServer
) -> None:
    ann, answer = await joined(servers[0], "ann")
    early = await RoomClient.connect(ws_url(servers[0]), "r", "early")
    b, c, d = (f"http://{name}.example" for name in "bcd")
    later = await started(tmp_path, redis, "d", public_url=d)
    assert sorted(answer["servers"]) == [b, c]
    # It may be told of c once more, who came just before it.
    await ann.seen("serversChanged", lambda data: data == {"servers": [b, c, d]})
    bob, answer = await joined(servers[0], "bob")
    assert answer["servers"] == [b, c, d]
    assert "serversChanged" not in early.methods, "it is told when it joins"
    await servers[1].drain()
    await ann.seen("serversChanged", lambda data: data["servers"] == [c, d])
    await later.close()
    await ann.seen("serversChanged", lambda data: data["servers"] == [c])
    announced: list[object] = []
    stop = servers[0].directory.on_nodes(lambda: announced.append(servers[0].directory.nodes))
    await until(lambda: len(announced) > 3)
    stop()
    told = [data["servers"] for method, data in ann.log if method == "serversChanged"]
    assert all(one != before for one, before in zip(told[1:], told, strict=False)), (
        "what each says of itself is no news"
    )
    for client in (ann, bob, early):
        await client.close()


async def test_behind_a_proxy_a_server_that_drains_is_passed_over_and_ends(tmp_path: Path, redis: RedisServer) -> None:
    """None has an address of its own: who is sent away comes again to any of them."""
    servers = [await started(tmp_path, redis, name) for name in "ab"]
    await until(lambda: all(len(server.directory.nodes) == 2 for server in servers))
    ann, answer = await joined(servers[0], "ann")
    assert answer["servers"] == []
    draining = asyncio.create_task(servers[0].drain())
    assert await ann.closed() == 1012
    assert [method for method, _ in ann.log].count("moved") == 0
    assert await refused(servers[0], "ann") == 503
    async with httpx.AsyncClient(timeout=PATIENCE_S) as web:
        healths = [(await web.get(f"{server.urls[0]}/health")) for server in servers]
    assert [(one.status_code, one.json()["status"]) for one in healths] == [(503, "draining"), (200, "ok")]
    again, _ = await joined(servers[1], "ann")
    await draining
    await again.close()
    for server in servers:
        await server.close()


async def test_draining_ends_when_time_is_up_whoever_stays() -> None:
    now_s = 0.0
    told: list[str] = []

    def time_s() -> float:
        nonlocal now_s
        now_s += 0.5
        return now_s

    class Own:
        drains = 0

        def drain(self) -> None:
            self.drains += 1

    own = Own()
    async with asyncio.timeout(PATIENCE_S):
        await drain(own, lambda: ["ann", "bob"], told.append, 3, time_s)
    assert own.drains == 1
    assert {"ann", "bob"} <= set(told)


@pytest.mark.parametrize("trouble", ["it stands still", "it is full"])
async def test_without_redis_what_runs_goes_on_and_who_is_new_to_a_server_is_told_to_try_again(
    servers: list[DemoServer], redis: RedisServer, trouble: str
) -> None:
    ann, answer = await joined(servers[0], "ann")
    bob, _ = await joined(servers[1], "bob")
    await ann.seen("newPeer")
    is_full = trouble == "it is full"
    if is_full:
        await redis.run("CONFIG", "SET", "maxmemory", 1)
    else:
        redis.freeze()
    await until(lambda: all(server.directory.is_away for server in servers))
    cid, answer = await joined(servers[0], "cid")
    await ann.seen("newPeer", lambda data: data["id"] == "cid")
    assert {peer["id"] for peer in answer["peers"]} == {"ann", "bob"}
    audio = await cid.produce("audio", AUDIO)
    assert (await ann.seen("newConsumer"))["producerId"] == audio
    assert await refused(servers[2], "dan") == 503
    if is_full:
        await redis.run("CONFIG", "SET", "maxmemory", 0)
    else:
        redis.thaw()
    await bob.seen("newPeer", lambda data: data["id"] == "cid")
    assert (await bob.seen("newConsumer"))["producerId"] == audio
    assert "peerClosed" not in ann.methods + bob.methods
    dan, answer = await joined(servers[2], "dan")
    assert {peer["id"] for peer in answer["peers"]} == {"ann", "bob", "cid"}
    for client in (ann, bob, cid, dan):
        await client.close()
