"""A protoo server to talk to, over ``websockets`` and as an ASGI endpoint under uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from miso.protoo import ConnectionRequest, Peer, QueueLimits, Room, WebSocketServer
from miso.protoo.asgi import UVICORN_OPTIONS, serve
from miso.serving.http_server import QuietUvicorn
from tests.ports import free_ports


@dataclass
class Host:
    """A running server with one room; each client that comes is put into ``arrivals``."""

    url: str
    room: Room[dict[str, object]]
    arrivals: asyncio.Queue[Peer[dict[str, object]]] = field(default_factory=asyncio.Queue)
    on_peer: Callable[[Peer[dict[str, object]]], None] = lambda peer: None

    async def handle(self, request: ConnectionRequest) -> None:
        if request.path == "/reject":
            request.reject(int(request.query["status"]), request.query["reason"])
            return
        if request.path == "/raise":
            raise RuntimeError("no luck")
        if request.path == "/error":
            request.reject(ValueError("not so"))
            return
        if request.path == "/later":
            asyncio.get_running_loop().call_later(0.05, request.reject, 410, "gone")
            return
        transport = await request.accept()
        peer = self.room.create_peer(
            request.query.get("peerId", "x"), transport, {"query": request.query}, replace=True
        )
        self.on_peer(peer)
        self.arrivals.put_nowait(peer)


@contextlib.asynccontextmanager
async def asgi_server(host: Host) -> AsyncIterator[int]:
    async def endpoint(websocket: WebSocket) -> None:
        await serve(websocket, host.handle)

    app = Starlette(routes=[WebSocketRoute("/{path:path}", endpoint)])
    port = free_ports()
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", **UVICORN_OPTIONS)
    server = QuietUvicorn(config)
    task = asyncio.create_task(server.serve())
    await server.listening.wait()
    try:
        yield port
    finally:
        server.should_exit = True
        await task


@pytest.fixture(params=["websockets", "asgi"])
async def host(request: pytest.FixtureRequest) -> AsyncIterator[Host]:
    host = Host("", Room(QueueLimits(messages=1000, bytes=4_000_000)))
    if request.param == "websockets":
        server = WebSocketServer(host.handle)
        port = await server.listen("127.0.0.1", 0)
        host.url = f"ws://127.0.0.1:{port}"
        yield host
        host.room.close()
        await server.close()
    else:
        async with asgi_server(host) as port:
            host.url = f"ws://127.0.0.1:{port}"
            yield host
            host.room.close()
