"""A client's ICE by aioice, for transports that get no further."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aioice

from tests.patience import PATIENCE_S


@contextlib.asynccontextmanager
async def ice_over(transport: dict[str, Any]) -> AsyncIterator[aioice.Connection]:
    """Connects ICE, and nothing above it."""
    connection = aioice.Connection(ice_controlling=True, use_ipv6=False)
    connection.remote_is_lite = True
    await connection.gather_candidates()
    connection.remote_username = transport["iceParameters"]["usernameFragment"]
    connection.remote_password = transport["iceParameters"]["password"]
    for one in transport["iceCandidates"]:
        if one["protocol"] == "udp":
            candidate = aioice.Candidate(one["foundation"], 1, "udp", one["priority"], one["ip"], one["port"], "host")
            await connection.add_remote_candidate(candidate)
    await connection.add_remote_candidate(None)
    async with asyncio.timeout(PATIENCE_S):
        await connection.connect()
    try:
        yield connection
    finally:
        await connection.close()
