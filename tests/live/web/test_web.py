"""What plugins serve over HTTP: routes that come and go, connections that are taken over, limits."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from typing import Any

import h11
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import RequestResponseCycle

from miso.live.engine.engine import Engine
from miso.live.engine.settings_model import live_settings_model
from miso.live.web.plugin import WebPlugin
from miso.live.web.web import Web
from miso.serving import http_server
from miso.serving.http_connection import TAKEOVER, HttpWithTimeouts
from tests.patience import PATIENCE_S

GET = "GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n"
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\r\n"
)


class Taker(asyncio.Protocol):
    """Notes what happens to a connection it has taken over."""

    def __init__(self) -> None:
        self.received = b""
        self.told = asyncio.Event()
        self.lost = asyncio.Event()
        self.transport: asyncio.Transport | None = None

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.told.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    async def answer(self, request: Request) -> Response:
        self.transport = request.scope["extensions"][TAKEOVER](self)
        self.transport.write(f"raw {request.headers.get('upgrade', 'nothing')}".encode())
        return Response()  # it comes too late, and goes nowhere


async def hello(request: Request) -> Response:
    return PlainTextResponse(f"hello {request.path_params['name']}")


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Engine]:
    model: Any = live_settings_model([WebPlugin])
    engine = Engine(model(web={"host": "127.0.0.1", "port": 0, "max_connections_per_address": 3}), [WebPlugin])
    await engine.start()
    yield engine
    await engine.stop()


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with running() as engine:
        yield engine


def port(engine: Engine) -> int:
    (plugin,) = engine.running
    assert isinstance(plugin, WebPlugin)
    return plugin.port


async def ask(engine: Engine, request: str) -> bytes:
    """All that comes until the other end closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port(engine))
    writer.write(request.encode())
    answer = await reader.read()
    writer.close()
    return answer


async def test_routes_come_and_go(engine: Engine) -> None:
    request = GET.format("/hello/you", "Connection: close\r\n")
    assert b"404 Not Found" in await ask(engine, request)
    remove = engine.live.web.add([Route("/hello/{name}", hello)])
    answer = await ask(engine, request)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"hello you")
    assert b"x-content-type-options: nosniff" in answer.lower()
    remove()
    remove()
    assert b"404 Not Found" in await ask(engine, request)


async def test_a_request_takes_its_connection_over(engine: Engine) -> None:
    taker = Taker()
    engine.live.web.add([Route("/raw", taker.answer)])
    reader, writer = await asyncio.open_connection("127.0.0.1", port(engine))
    writer.write((GET.format("/raw", "") + GET.format("/pipelined", "")).encode())
    assert await reader.readexactly(11) == b"raw nothing"
    assert taker.transport is not None
    writer.write(b"more")
    await asyncio.wait_for(taker.told.wait(), PATIENCE_S)
    assert taker.received == b"more"
    taker.transport.write(b"!")
    assert await reader.readexactly(1) == b"!"
    writer.close()
    await asyncio.wait_for(taker.lost.wait(), PATIENCE_S)


def of_http() -> int:
    """How many objects there are that know of a connection's HTTP."""
    return sum(isinstance(one, HttpWithTimeouts | h11.Connection | RequestResponseCycle) for one in gc.get_objects())


async def test_nothing_of_http_is_kept_for_a_connection_that_was_taken_over(engine: Engine) -> None:
    taker = Taker()
    engine.live.web.add([Route("/raw", taker.answer)])
    gc.collect()
    gc.disable()  # nor does it wait for the collector
    try:
        before = of_http()
        reader, writer = await asyncio.open_connection("127.0.0.1", port(engine))
        writer.write(GET.format("/raw", "").encode())
        assert await reader.readexactly(11) == b"raw nothing"
        async with asyncio.timeout(PATIENCE_S):
            while of_http() != before:  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.05)  # until the request's task has ended
    finally:
        gc.enable()
    writer.close()
    await asyncio.wait_for(taker.lost.wait(), PATIENCE_S)


async def test_a_request_for_a_websocket_stays_a_request_where_it_is_asked_for(engine: Engine) -> None:
    taker = Taker()
    engine.live.web.add([Route("/{path:path}.flv", taker.answer)], upgrades=True)
    reader, writer = await asyncio.open_connection("127.0.0.1", port(engine))
    writer.write(GET.format("/live/a.flv", UPGRADE).encode())
    assert await reader.readexactly(13) == b"raw websocket"
    writer.close()
    answer = await ask(engine, GET.format("/live/a.txt", UPGRADE))
    assert b"403" in answer.splitlines()[0]  # a WebSocket that no route has


async def test_the_end_of_the_server_is_the_end_of_connections_that_were_taken_over(engine: Engine) -> None:
    taker = Taker()
    engine.live.web.add([Route("/raw", taker.answer)])
    reader, writer = await asyncio.open_connection("127.0.0.1", port(engine))
    writer.write(GET.format("/raw", "").encode())
    await reader.readexactly(11)
    await engine.stop()
    assert await reader.read() == b""
    assert taker.lost.is_set()


async def test_a_request_that_outlasts_the_server_is_cut_off_and_is_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http_server, "SHUTDOWN_TIMEOUT_S", 0)
    asked = asyncio.Event()

    async def wait(request: Request) -> Response:
        asked.set()
        await asyncio.Event().wait()
        return Response()

    async with running() as engine:
        engine.live.web.add([Route("/wait", wait)])
        answer = asyncio.create_task(ask(engine, GET.format("/wait", "")))
        await asked.wait()
    with contextlib.suppress(ConnectionResetError):
        assert await answer == b""
    assert [record for record in caplog.records if record.exc_info] == []


async def test_connections_that_were_taken_over_count(engine: Engine) -> None:
    takers = [Taker() for _ in range(3)]
    engine.live.web.add([Route(f"/raw{number}", taker.answer) for number, taker in enumerate(takers)])
    writers = []
    for number in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", port(engine))
        writer.write(GET.format(f"/raw{number}", "").encode())
        await reader.readexactly(11)
        writers.append(writer)
    assert b"429" in (await ask(engine, GET.format("/raw0", ""))).splitlines()[0]
    writers[0].close()
    await asyncio.wait_for(takers[0].lost.wait(), PATIENCE_S)
    assert b"404" in (await ask(engine, GET.format("/nothing", "Connection: close\r\n"))).splitlines()[0]


def test_who_asks_is_who_a_trusted_proxy_says() -> None:
    def request(host: str, forwarded_for: str) -> Request:
        headers = [(b"x-forwarded-for", forwarded_for.encode())] if forwarded_for else []
        return Request({"type": "http", "client": (host, 1), "headers": headers})

    direct, behind = Web(), Web(["10.0.0.0/8"])
    assert direct.address_of(request("::ffff:192.0.2.1", "")) == "192.0.2.1"
    assert direct.address_of(request("192.0.2.1", "198.51.100.7")) == "192.0.2.1"
    assert behind.address_of(request("10.1.1.1", "198.51.100.7")) == "198.51.100.7"
    assert behind.address_of(request("192.0.2.1", "198.51.100.7")) == "192.0.2.1"
