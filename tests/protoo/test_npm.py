"""Our protoo against the original: the npm packages protoo-client and protoo-server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from miso.protoo import ClientOptions, ClientPeer, RequestError
from tests.npm_packages import install, needs_npm
from tests.patience import PATIENCE_S
from tests.protoo.conftest import Host

NPM = Path(__file__).with_name("npm")

pytestmark = needs_npm


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    install(NPM, "protoo-server")


@contextlib.asynccontextmanager
async def node(script: str, *arguments: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec("node", NPM / script, *arguments, stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    try:
        yield process
    finally:
        process.stdin.close()
        await process.wait()


async def said(process: Process) -> dict[str, Any]:
    assert process.stdout is not None
    line: dict[str, Any] = json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE_S))
    return line


def tell(process: Process, **what: object) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(what).encode() + b"\n")


async def test_protoo_client_talks_to_our_server(host: Host) -> None:
    async with node("client.js", f"{host.url}/?peerId=n") as process:
        peer = await asyncio.wait_for(host.arrivals.get(), PATIENCE_S)
        peer.on("request", lambda request: request.accept([request.method, request.data]))
        peer.on("notification", lambda notification: peer.notify("back", notification.data))
        assert await said(process) == {"event": "open"}
        assert await peer.request("hello", {"a": 1}) == {"method": "hello", "data": {"a": 1}}
        with pytest.raises(RequestError) as caught:
            await peer.request("refuse")
        assert (caught.value.code, caught.value.reason) == (403, "I do not want to")
        tell(process, do="request", method="join", data={"x": "é"})
        assert await said(process) == {"event": "answer", "data": ["join", {"x": "é"}]}
        tell(process, do="notify", method="there", data={"y": 2})
        assert await said(process) == {"event": "notification", "method": "back", "data": {"y": 2}}
        peer.remove_all_listeners("request")
        peer.on("request", lambda request: request.reject(404, "not found"))
        tell(process, do="request", method="join")
        assert await said(process) == {"event": "error", "code": 404, "reason": "not found"}
        peer.close(1012, "service restart")
        again = await asyncio.wait_for(host.arrivals.get(), PATIENCE_S)
        assert [(await said(process))["event"] for _ in range(2)] == ["disconnected", "open"]
        again.close()
        assert await said(process) == {"event": "close"}


async def test_our_client_talks_to_protoo_server() -> None:
    async with node("server.js") as process:
        assert process.stdout is not None
        port = int(await asyncio.wait_for(process.stdout.readline(), PATIENCE_S))
        client = ClientPeer(f"ws://127.0.0.1:{port}/?peerId=py", ClientOptions(proxy=None))
        client.on("request", lambda request: request.accept({request.method: request.data}))
        notified: asyncio.Queue[object] = asyncio.Queue()
        client.on("notification", lambda notification: notified.put_nowait(notification.data))
        closed = asyncio.Event()
        client.on("close", closed.set)
        await client.open()
        assert await client.request("hi", {"a": [1]}) == {"method": "hi", "data": {"a": [1]}}
        with pytest.raises(RequestError) as caught:
            await client.request("refuse")
        assert (caught.value.code, caught.value.reason) == (403, "I do not want to")
        assert await client.request("ask") == {"answer": {"question": {"n": 42}}}
        client.notify("echo", {"b": 2})
        assert await asyncio.wait_for(notified.get(), PATIENCE_S) == {"b": 2}
        leaving = asyncio.create_task(client.request("leave"))
        await asyncio.wait_for(closed.wait(), PATIENCE_S)
        assert client.closed
        assert isinstance((await asyncio.gather(leaving, return_exceptions=True))[0], ConnectionError)
        await client.close()


async def test_a_client_that_is_still_sending_hears_why_it_is_closed(host: Host) -> None:
    codes = []
    for number in range(20):
        async with node("too_long.js", f"{host.url}/?peerId={number}") as process:
            codes.append((await said(process)).get("code"))
    assert codes == [1009] * 20
