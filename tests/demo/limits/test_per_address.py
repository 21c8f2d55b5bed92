"""One address has its share of the server, and the others have theirs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from miso.demo.limits.per_address import FORGET_S, MAX_QUIET, AddressLimits
from miso.demo.metrics import Metrics
from miso.demo.server import DemoServer
from miso.demo.settings import Settings
from miso.protoo import RequestError
from miso.serving.client_address import client_address
from tests.demo.client import Rejected, RoomClient
from tests.demo.conftest import counted, free_ports, ws_url
from tests.patience import PATIENCE_S

OTHER = "127.0.0.9"
"""A second address of this machine."""


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def limits(clock: Clock, **settings: int) -> AddressLimits:
    return AddressLimits(Settings(**settings), Metrics(), clock)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def serving(tmp_path: Path, **settings: object) -> AsyncIterator[DemoServer]:
    server = DemoServer(free_ports(tmp_path, **settings))
    await server.start()
    try:
        yield server
    finally:
        await server.close()


async def come(
    server: DemoServer, room: str, peer: str, *, source: str | None = None, forwarded_for: str = ""
) -> RoomClient:
    """A client from an address of choice."""
    connection = await connect(
        f"{ws_url(server)}/?roomId={room}&peerId={peer}",
        subprotocols=[Subprotocol("protoo")],
        proxy=None,
        local_addr=(source, 0) if source is not None else None,
        additional_headers={"X-Forwarded-For": forwarded_for} if forwarded_for else None,
    )
    return RoomClient(connection)


async def test_a_client_does_not_hide_behind_a_forwarded_for_of_its_own(tmp_path: Path) -> None:
    """Some proxies add a header instead of an address to the one that is there."""
    own, by_proxy = ("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-For", "203.0.113.7")
    async with serving(tmp_path, trusted_proxies=["127.0.0.1"], max_connections_per_address=1) as server:
        url = ws_url(server)
        async with httpx.AsyncClient(
            base_url=url.replace("ws", "http", 1), trust_env=False, timeout=PATIENCE_S
        ) as http:
            assert (await http.get("/rooms/r", headers=[by_proxy])).status_code == 403
            assert (await http.get("/rooms/r", headers=[own, by_proxy])).status_code == 403
        first = await connect(
            f"{url}/?roomId=r&peerId=a",
            subprotocols=[Subprotocol("protoo")],
            additional_headers=[own, by_proxy],
        )
        assert (await turned_away(server, "r", "b", forwarded_for="203.0.113.7"))[0] == 429
        second = await come(server, "r", "c", forwarded_for="203.0.113.8")
        await first.close()
        await second.close()


async def turned_away(server: DemoServer, room: str, peer: str, *, forwarded_for: str = "") -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as caught:
        await come(server, room, peer, forwarded_for=forwarded_for)
    response = caught.value.response
    return response.status_code, response.headers["X-WebSocket-Reject-Reason"]


async def leave(server: DemoServer, client: RoomClient) -> None:
    """Closes the connection, and waits until the server has noticed."""
    remote = client.address
    session = next(one for room in server.rooms.rooms for one in room.sessions if one.peer.remote_address == remote)
    gone = asyncio.Event()
    session.on_left(gone.set)
    await client.close()
    async with asyncio.timeout(PATIENCE_S):
        await gone.wait()


async def test_an_address_has_only_so_many_peers_at_once_and_others_still_come(tmp_path: Path) -> None:
    async with serving(tmp_path, max_connections_per_address=2) as server:
        first, second = await come(server, "r", "a"), await come(server, "r", "b")
        status, reason = await turned_away(server, "r", "c")
        assert (status, reason) == (429, "too many connections from this address: 2 are allowed")
        other = await come(server, "r", "c", source=OTHER)
        assert await counted(server, "refusals", limit="connections_per_address") == 1
        await leave(server, first)
        await (await come(server, "r", "d")).close()
        await second.close()
        await other.close()


async def test_who_takes_a_place_again_and_again_does_not_use_up_his_address(tmp_path: Path) -> None:
    async with serving(tmp_path, max_connections_per_address=3) as server:
        clients = [await come(server, "r", "a") for _ in range(3)]
        assert [await client.closed() for client in clients[:2]] == [4000, 4000]
        clients.append(await come(server, "r", "a"))
        assert await clients[2].closed() == 4000
        await (await come(server, "r", "b")).close()


async def test_an_address_comes_only_so_often(tmp_path: Path) -> None:
    async with serving(tmp_path, connections_per_minute=6) as server:
        await (await come(server, "r", "a")).close()
        assert await turned_away(server, "r", "x") == (429, "too many connections from this address in a short time")
        await (await come(server, "r", "x", source=OTHER)).close()


async def test_an_address_makes_only_so_many_rooms(tmp_path: Path) -> None:
    async with serving(tmp_path, max_rooms_per_address=2) as server:
        kept = [await come(server, "r", "a"), await come(server, "s", "a")]
        assert (await turned_away(server, "t", "a"))[0] == 429
        kept.append(await come(server, "t", "a", source=OTHER))
        kept.append(await come(server, "t", "b"))  # one that is there already
        assert await counted(server, "refusals", limit="rooms_per_address") == 1
        await leave(server, kept[0])
        await (await come(server, "u", "a")).close()
        for client in kept:
            await client.close()


async def test_an_address_makes_rooms_only_so_often(tmp_path: Path) -> None:
    async with serving(tmp_path, rooms_per_minute=12) as server:
        kept = [await come(server, "r", "a"), await come(server, "s", "a")]
        assert (await turned_away(server, "t", "a"))[0] == 429
        assert await counted(server, "refusals", limit="rooms_per_minute") == 1
        for client in kept:
            await client.close()


async def test_reconnecting_gives_no_more_transports(tmp_path: Path) -> None:
    async with serving(tmp_path, transports_per_minute=60) as server:
        made = 0
        refusal = None
        for number in range(4):
            client = await come(server, "r", str(number))
            for _ in range(6):
                try:
                    await client.transport()
                    made += 1
                except Rejected as error:
                    refusal = error
            await client.close()
        assert 10 <= made < 16  # one more each second
        assert refusal is not None
        assert (refusal.code, refusal.reason) == (429, "too many transports from this address in a short time")
        other = await come(server, "r", "x", source=OTHER)
        await other.transport()
        await other.close()


async def test_an_address_has_only_so_many_transports_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path, max_transports_per_address=3) as server:
        first, second = await come(server, "r", "a"), await come(server, "r", "b")
        for _ in range(3):
            await first.transport()
        with pytest.raises(Rejected, match="too many transports from this address: 3 are allowed"):
            await second.transport()
        await leave(server, first)
        await second.transport()
        await second.close()


async def test_an_address_joins_only_so_often(tmp_path: Path) -> None:
    async with serving(tmp_path, joins_per_minute=12) as server:
        clients = [await come(server, "r", name) for name in "abc"]
        await clients[0].join()
        await clients[1].join()
        with pytest.raises(Rejected, match="too many joins") as caught:
            await clients[2].join()
        assert caught.value.code == 429
        assert await counted(server, "refusals", limit="joins_per_minute") == 1
        for client in clients:
            await client.close()


async def test_the_server_has_only_so_many_rooms(tmp_path: Path) -> None:
    async with serving(tmp_path, max_rooms=1) as server:
        first = await come(server, "r", "a")
        assert await turned_away(server, "s", "a") == (503, "too many rooms on this server")
        assert await counted(server, "refusals", limit="rooms") == 1
        await leave(server, first)
        await (await come(server, "s", "a")).close()


async def test_a_room_has_only_so_many_peers(tmp_path: Path) -> None:
    async with serving(tmp_path, max_peers_per_room=2) as server:
        first, second = await come(server, "r", "a"), await come(server, "r", "b")
        assert await turned_away(server, "r", "c") == (503, "the room is full: 2 peers are allowed")
        again = await come(server, "r", "a")  # takes its own place
        assert await first.closed() == 4000
        assert await counted(server, "refusals", limit="peers_per_room") == 1
        await again.close()
        await second.close()


async def test_what_a_client_says_of_its_address_is_not_believed(tmp_path: Path) -> None:
    async with serving(tmp_path, max_connections_per_address=1) as server:
        first = await come(server, "r", "a", forwarded_for="203.0.113.1")
        assert (await turned_away(server, "r", "b", forwarded_for="203.0.113.2"))[0] == 429
        await first.close()


async def test_behind_a_trusted_proxy_the_address_before_it_counts(tmp_path: Path) -> None:
    proxies = ["127.0.0.0/8"]
    async with serving(tmp_path, max_connections_per_address=1, trusted_proxies=proxies) as server:
        first = await come(server, "r", "a", forwarded_for="203.0.113.1")
        second = await come(server, "r", "b", forwarded_for="203.0.113.2")
        status, _ = await turned_away(server, "r", "c", forwarded_for="198.51.100.66, 203.0.113.2")
        assert status == 429
        await first.close()
        await second.close()


async def test_an_address_holds_only_so_many_sockets(tmp_path: Path) -> None:
    async with serving(tmp_path, max_sockets_per_address=3) as server:
        port = urlsplit(ws_url(server)).port
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(PATIENCE_S):
            assert (await reader.read()).startswith(b"HTTP/1.1 429 ")
        _, other = await asyncio.open_connection("127.0.0.1", port, local_addr=(OTHER, 0))
        other.write(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for one in (writer, other, *(writer for _, writer in held)):
            one.close()


def test_who_is_silent_is_forgotten_and_who_has_something_is_not() -> None:
    clock = Clock()
    counts = limits(clock, connections_per_minute=60)
    give_back = counts.take("connections", "203.0.113.1")
    for number in range(50):
        counts.pass_by("joins", f"198.51.100.{number}")
    assert len(counts) == 51
    clock.now_s += FORGET_S + 1
    counts.pass_by("joins", "203.0.113.2")
    assert len(counts) == 2
    give_back()
    give_back()
    clock.now_s += FORGET_S + 1
    counts.pass_by("joins", "203.0.113.3")
    assert len(counts) == 1


def test_many_addresses_do_not_fill_the_memory() -> None:
    counts = limits(Clock())
    for number in range(MAX_QUIET + 1000):
        counts.pass_by("joins", str(number))
    assert len(counts) <= MAX_QUIET + 1


def test_an_allowance_comes_back_with_time_and_refusals_do_not_use_it_up() -> None:
    clock = Clock()
    counts = limits(clock, rooms_per_minute=60)
    for _ in range(10):
        counts.pass_by("rooms", "a")
    for _ in range(100):
        with pytest.raises(RequestError):
            counts.pass_by("rooms", "a")
    clock.now_s += 1.0
    counts.pass_by("rooms", "a")
    with pytest.raises(RequestError):
        counts.pass_by("rooms", "a")
    counts.pass_by("rooms", "b")


def test_a_limit_of_0_is_none() -> None:
    counts = limits(Clock(), rooms_per_minute=0, max_rooms_per_address=0)
    for _ in range(10_000):
        counts.take("rooms", "a")


def test_refusals_are_logged_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    clock = Clock()
    counts = limits(clock, max_rooms_per_address=1)
    counts.take("rooms", "203.0.113.1")
    for _ in range(50):
        with pytest.raises(RequestError):
            counts.take("rooms", "203.0.113.1")
    assert [record.getMessage() for record in caplog.records] == [
        "address=203.0.113.1: the limit of rooms_per_address is reached (miso_refusals_total counts)"
    ]
    clock.now_s += 1.0
    with pytest.raises(RequestError):
        counts.take("rooms", "203.0.113.1")
    assert len(caplog.records) == 2


@pytest.mark.parametrize(
    ("host", "forwarded_for", "address"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("::ffff:203.0.113.7", "", "203.0.113.7"),
        ("[2001:db8:1:2:3:4:5:6]", "", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "", "fe80::/64"),
        ("", "", "unknown"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::/64"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
    ],
)
def test_who_a_client_is(host: str, forwarded_for: str, address: str) -> None:
    assert client_address(host, forwarded_for, ["10.0.0.0/8"]) == address
