"""What waits for a client that does not read is bounded, in messages and in bytes."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from miso.protoo import Peer
from tests.patience import PATIENCE_S
from tests.protoo.conftest import Host

TOO_SLOW = 1008
BIG = {"text": "x" * 200_000}
WITHIN, BEYOND = 15, 25  # of these, with a bound of 4,000,000 bytes
SMALL_WITHIN, SMALL_BEYOND = 900, 1100  # with a bound of 1000 messages


async def join(host: Host) -> tuple[ClientConnection, Peer[dict[str, object]]]:
    client = await connect(f"{host.url}/?peerId=me", subprotocols=[Subprotocol("protoo")], max_size=None)
    return client, await host.arrivals.get()


async def read(client: ClientConnection, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(count):
            await client.recv()


async def close_code(client: ClientConnection) -> int | None:
    async with asyncio.timeout(PATIENCE_S):
        with contextlib.suppress(ConnectionClosed):
            async for _ in client:
                pass
    return client.close_code


@pytest.mark.parametrize(("data", "count"), [(BIG, BEYOND), (None, SMALL_BEYOND)], ids=["bytes", "messages"])
async def test_who_lets_too_much_pile_up_is_closed(host: Host, data: object, count: int) -> None:
    client, peer = await join(host)
    for _ in range(count):  # in one go: nothing is written meanwhile
        peer.notify("news", data)
    assert await close_code(client) == TOO_SLOW
    assert peer.closed


@pytest.mark.parametrize(("data", "count"), [(BIG, WITHIN), (None, SMALL_WITHIN)], ids=["bytes", "messages"])
async def test_what_was_sent_counts_no_more(host: Host, data: object, count: int) -> None:
    client, peer = await join(host)
    for _ in range(3):
        for _ in range(count):
            peer.notify("news", data)
        await read(client, count)
    assert not peer.closed
    await client.close()
