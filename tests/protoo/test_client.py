"""The client: requests both ways, and coming back when the connection is lost."""

from __future__ import annotations

import asyncio

import pytest

from miso.protoo import (
    ClientOptions,
    ClientPeer,
    ConnectionRequest,
    Peer,
    RequestError,
    Retry,
    Room,
    TransportClosedError,
    WebSocketServer,
)
from miso.protoo.message_exchange import CLIENT_TIMEOUT_BASE_MS, SERVER_TIMEOUT_BASE_MS, default_timeout_ms
from tests.patience import PATIENCE_S
from tests.ports import free_ports
from tests.protoo.conftest import Host

QUICK = Retry(retries=2, min_delay_s=0.01, max_delay_s=0.02)


def client_of(url: str, events: list[object], retry: Retry = QUICK) -> ClientPeer:
    client = ClientPeer(url, ClientOptions(retry=retry, proxy=None))
    for name in ("open", "disconnected", "close"):
        client.on(name, lambda name=name: events.append(name))
    client.on("failed", lambda attempt: events.append(attempt))
    return client


async def until(client: ClientPeer, event: str) -> None:
    arrived = asyncio.Event()
    client.once(event, lambda *_: arrived.set())
    async with asyncio.timeout(PATIENCE_S):
        await arrived.wait()


def test_delays_double_from_one_second_to_eight() -> None:
    assert [Retry().delay_s(attempt) for attempt in (1, 2, 3, 4, 5, 2000)] == [1, 2, 4, 8, 8, 8]


def test_requests_wait_longer_while_others_wait() -> None:
    assert default_timeout_ms(SERVER_TIMEOUT_BASE_MS, 0) == 30_000
    assert default_timeout_ms(CLIENT_TIMEOUT_BASE_MS, 0) == 22_500
    assert default_timeout_ms(SERVER_TIMEOUT_BASE_MS, 10) == 32_000


async def test_talks_in_both_directions(host: Host) -> None:
    def serve(peer: Peer[dict[str, object]]) -> None:
        peer.on("request", lambda request: request.reject(403, "no"))
        peer.on("notification", lambda notification: peer.notify("back", notification.data))

    host.on_peer = serve
    events: list[object] = []
    client = client_of(f"{host.url}/?peerId=a", events)
    client.on("request", lambda request: request.accept({"you said": request.method}))
    back: asyncio.Queue[object] = asyncio.Queue()
    client.on("notification", lambda notification: back.put_nowait((notification.method, notification.data)))
    await client.open()
    assert client.connected
    peer = await host.arrivals.get()
    assert await peer.request("hello") == {"you said": "hello"}
    with pytest.raises(RequestError, match="no"):
        await client.request("anything")
    client.notify("there", {"x": [1, 2]})
    assert await back.get() == ("back", {"x": [1, 2]})
    await client.close()
    assert events == ["open", "close"]
    assert client.closed
    with pytest.raises(TransportClosedError):
        await client.request("x")


async def test_comes_back_after_1012_but_not_after_4000(host: Host) -> None:
    events: list[object] = []
    client = client_of(f"{host.url}/?peerId=a", events)
    await client.open()
    (await host.arrivals.get()).close(1012, "service restart")
    again = await asyncio.wait_for(host.arrivals.get(), PATIENCE_S)
    again.close()
    await until(client, "close")
    assert events == ["open", "disconnected", "open", "close"]
    assert client.closed
    await client.close()


async def test_gives_up_when_the_retries_are_used_up() -> None:
    events: list[object] = []
    client = client_of(f"ws://127.0.0.1:{free_ports()}/", events)
    with pytest.raises(TransportClosedError):
        await client.open()
    assert events == [1, 2, 3, "close"]
    await client.close()


async def test_a_rejected_handshake_counts_as_failed(host: Host) -> None:
    events: list[object] = []
    client = client_of(f"{host.url}/reject?status=400&reason=no", events)
    with pytest.raises(TransportClosedError):
        await client.open()
    assert events == [1, 2, 3, "close"]


async def test_closing_while_it_waits_for_the_next_attempt_ends_it() -> None:
    events: list[object] = []
    client = client_of(f"ws://127.0.0.1:{free_ports()}/", events, Retry(min_delay_s=60, max_delay_s=60))
    opening = asyncio.ensure_future(client.open())
    await until(client, "failed")
    await client.close()
    with pytest.raises(TransportClosedError):
        await opening
    assert events == [1, "close"]


async def test_a_client_that_leaves_before_it_is_let_in_raises_at_accept() -> None:

    raised: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
    knocked = asyncio.Event()
    left = asyncio.Event()

    async def handle(request: ConnectionRequest) -> None:
        knocked.set()
        await left.wait()
        try:
            await request.accept()
        except TransportClosedError as error:
            raised.set_result(error)

    server = WebSocketServer(handle)
    port = await server.listen("127.0.0.1", 0)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET /?peerId=x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: protoo\r\n\r\n"
    )
    await knocked.wait()
    writer.transport.abort()
    left.set()
    assert isinstance(await asyncio.wait_for(raised, PATIENCE_S), TransportClosedError)
    await server.close()


async def test_a_room_that_closes_says_so_once() -> None:
    room: Room[None] = Room()
    closes: list[int] = []
    room.on("close", lambda: closes.append(1))
    room.close()
    room.close()
    assert closes == [1]
    assert room.closed


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "ws://", "ws://a..b/", "ws://[::1", "ws://127.0.0.1:99999/"])
async def test_an_address_that_makes_no_sense_is_an_error_and_no_wait_without_end(url: str) -> None:
    client = ClientPeer(url, ClientOptions(proxy=None))
    closes: list[str] = []
    client.on("close", lambda: closes.append("close"))
    with pytest.raises(ValueError, match="cannot connect to"):
        await asyncio.wait_for(client.open(), PATIENCE_S)
    assert client.closed
    assert closes == ["close"]
    await client.close()
