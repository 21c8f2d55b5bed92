"""The end of a server in a cluster: its people are told to go elsewhere, a few each second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from miso.cluster.placement.drain import DrainPace
from miso.demo.hosts.own_node import OwnNode

logger = logging.getLogger(__name__)

STEP_S: Final = 0.2


PersonT = TypeVar("PersonT")


async def drain(
    own: OwnNode,
    connected: Callable[[], Sequence[PersonT]],
    send_away: Callable[[PersonT], None],
    timeout_s: float,
    time_s: Callable[[], float] = time.monotonic,
) -> None:
    """Takes nobody new, and sends everybody away; returns when nobody is left.

    Args:
        own: This server.
        connected: Gives who is connected.
        send_away: Tells one of them to come again, elsewhere; it is not connected any more then.
        timeout_s: After so many seconds nobody is left.
        time_s: A monotonic clock, in seconds.
    """
    own.drain()
    pace = DrainPace(time_s(), timeout_s)
    logger.info("draining: %d are told to go to other servers within %.0f s", len(connected()), timeout_s)
    while people := connected():
        for one in people[: pace.due(time_s(), len(people))]:
            send_away(one)
        await asyncio.sleep(STEP_S)
