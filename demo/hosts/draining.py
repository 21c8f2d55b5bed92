"""The end of a server in a cluster: its people are told to go elsewhere, a few each second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from miso.cluster.placement.drain import DrainPace

logger = logging.getLogger(__name__)

STEP_S: Final = 0.2


PersonT = TypeVar("PersonT")


class Draining(Protocol):
    """A server that can say that it takes nobody new."""

    def drain(self) -> None:
        """It takes nobody new from now on."""


async def drain(
    own: Draining,
    connected: Callable[[], Sequence[PersonT]],
    send_away: Callable[[PersonT], None],
    timeout_s: float,
    time_s: Callable[[], float] = time.monotonic,
) -> None:
    """Takes nobody new, and sends everybody away; returns when nobody is left, or time is up.

    Args:
        own: This server.
        connected: Gives who is connected.
        send_away: Tells one of them to come again, elsewhere; it is not connected any more then.
        timeout_s: By then everybody was told.
        time_s: A monotonic clock, in seconds.
    """
    own.drain()
    begun_s = time_s()
    pace = DrainPace(begun_s, timeout_s)
    logger.info("draining: %d are told to go to other servers within %.0f s", len(connected()), timeout_s)
    while people := connected():
        for one in people[: pace.due(time_s(), len(people))]:
            send_away(one)
        if time_s() - begun_s > timeout_s:
            break
        await asyncio.sleep(STEP_S)
