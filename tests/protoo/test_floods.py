"""Clients that send more than anybody needs to: the others are served all the time."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from miso.protoo import Peer
from tests.heart import ATTEMPTS, MAX_TURN_S, Heart
from tests.patience import PATIENCE_S
from tests.protoo.conftest import Host
from tests.protoo.test_server import join, receive

FLOOD = Path(__file__).with_name("flood.py")


def serve(peer: Peer[dict[str, object]]) -> None:
    peer.on("request", lambda request: request.accept(request.data))


async def flooded(host: Host, kind: str, clients: int, seconds: float) -> tuple[list[object], int, float]:
    """Floods the server while an honest client asks; gives close codes, answers, and the longest turn's CPU time."""
    host.on_peer = serve
    honest, _ = await join(host, "honest")
    process = await asyncio.create_subprocess_exec(
        sys.executable, FLOOD, f"{host.url}/?peerId=flood", kind, str(clients), str(seconds), stdout=PIPE
    )
    for _ in range(clients):
        async with asyncio.timeout(PATIENCE_S):
            await host.arrivals.get()
    heart = Heart()
    answers = 0
    assert process.stdout is not None
    result = asyncio.create_task(process.stdout.readline())
    while not result.done():
        await honest.send(json.dumps({"request": True, "id": answers, "method": "m", "data": [answers]}))
        assert (await receive(honest))["data"] == [answers]
        answers += 1
        await asyncio.sleep(0.01)
    longest_s = await heart.stop()
    await process.wait()
    await honest.close()
    codes: list[object] = json.loads(result.result())
    return codes, answers, longest_s


@pytest.mark.parametrize(
    ("kind", "clients"),
    [
        ("pings", 1),
        ("pongs", 1),
        ("texts", 1),
        ("binaries", 1),
        ("notifications", 1),
        ("fragments", 1),
        ("empty fragments", 1),
        ("lists", 1),
        ("objects", 1),
        ("pings", 20),
        ("texts", 20),
        ("notifications", 20),
        ("lists", 10),
    ],
)
async def test_a_flood_holds_up_nobody_and_is_ended_with_1008(host: Host, kind: str, clients: int) -> None:
    for _ in range(ATTEMPTS):
        codes, answers, longest_s = await flooded(host, kind, clients, PATIENCE_S)
        assert answers > 0
        assert codes == [1008] * clients
        if longest_s < MAX_TURN_S:
            break
    assert longest_s < MAX_TURN_S


@pytest.mark.parametrize(("kind", "code"), [("no utf-8", 1007), ("too long", 1009)])
async def test_what_breaks_the_protocol_is_ended_with_its_code(host: Host, kind: str, code: int) -> None:
    codes, _, longest_s = await flooded(host, kind, 5, PATIENCE_S)
    assert longest_s < MAX_TURN_S
    assert codes == [code] * 5
