"""Bodies that nobody reads: they stay with who sends them."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from miso.serving.http_connection import HttpWithTimeouts
from miso.serving.http_server import QuietUvicorn
from tests.ports import free_ports


async def test_a_body_that_the_application_does_not_read_fills_no_memory() -> None:
    asked, enough = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        asked.set()
        await enough.wait()

    port = free_ports()
    server = QuietUvicorn(uvicorn.Config(app, port=port, http=HttpWithTimeouts, lifespan="off", log_level="critical"))
    serving = asyncio.create_task(server.serve())
    await server.listening.wait()
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
    await asked.wait()
    writer.write(bytes(100_000_000))
    with pytest.raises(TimeoutError):  # what the kernel holds is gone by then, and nothing more is taken
        await asyncio.wait_for(writer.drain(), 5)
    enough.set()
    writer.transport.abort()
    server.should_exit = True
    with contextlib.suppress(asyncio.CancelledError):
        await serving
