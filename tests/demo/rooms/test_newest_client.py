"""The newest mediasoup-client from npm (3.24.1, over its own fake of a browser) in a room with a classic client."""

from __future__ import annotations

import asyncio
import contextlib
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.demo.client import AUDIO, RoomClient
from tests.npm_packages import install, needs_npm
from tests.patience import PATIENCE_S

NPM = Path(__file__).parents[1] / "npm"
Next = Callable[..., Any]

pytestmark = needs_npm


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    install(NPM, "mediasoup-client")


@contextlib.asynccontextmanager
async def newest_client(url: str) -> AsyncIterator[Next]:
    process = await asyncio.create_subprocess_exec("node", NPM / "client.js", url, stdin=PIPE, stdout=PIPE)
    said: list[dict[str, Any]] = []

    async def seen(event: str, **fields: object) -> dict[str, Any]:
        assert process.stdout is not None
        while True:
            for one in said:
                if one["event"] == event and all(one[key] == value for key, value in fields.items()):
                    return one
            line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
            assert line, said
            said.append(json.loads(line))
            assert said[-1]["event"] != "failed", said[-1]

    assert process.stdin is not None
    try:
        yield seen
    finally:
        process.stdin.close()
        await process.wait()


async def test_the_newest_client_sends_and_gets_media_and_data(url: str) -> None:
    classic = await RoomClient.connect(url, "r", "classic")
    await classic.join(data=True)
    await classic.produce("audio", AUDIO)
    await classic.produce_data("chat")
    async with newest_client(f"{url}/?roomId=r&peerId=newest") as seen:
        assert await seen("capabilities") == {"event": "capabilities", "sctpCapabilities": False}
        for direction in ("producer", "consumer"):
            assert (await seen("transport", direction=direction))["sctp"]
        entered = await seen("entered")
        await seen("consumer", kind="audio", peerId="classic")
        await seen("dataConsumer", label="chat", peerId="classic")
        await seen("dataConsumer", label="bot", peerId=None)
        await seen("notification", method="mediasoupVersion")
        await classic.seen("newConsumer", lambda data: data["producerId"] == entered["audio"])
        await classic.seen("newDataConsumer", lambda data: data["dataProducerId"] == entered["chat"])
    await classic.seen("peerClosed", lambda data: data["peerId"] == "newest")
    await classic.close()
