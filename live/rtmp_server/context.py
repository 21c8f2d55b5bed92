"""What all connections of the RTMP server share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from typing import Protocol

from miso.live.engine.services import Live
from miso.live.rtmp.session.events import Ending
from miso.live.rtmp_server.settings import RtmpSettings
from miso.live.sessions.places import Places
from miso.protoo.log_rate_limit import LogRateLimit

logger = logging.getLogger(__name__)


class Connection(Protocol):
    """A connection as who ends all of them sees it."""

    def ask_to_reconnect(self) -> bool:
        """The server restarts: asks the client to come again. Returns whether it understands that."""

    def shut_down(self) -> None:
        """The server ends."""

    def abort(self) -> None:
        """Closes at once."""


class Context:
    """What connections are given.

    Attributes:
        live: What plugins share.
        settings: Of this server.
        limits: Of each session, as the settings have them.
        beginning: Places of connections that neither publish nor play.
        refused: How many connections were closed because there are too many.
        unbegun: How many ended before they had published or played, by why.
        too_fast: How often a publisher was read more slowly.
        failures: How many connections ended by a bug.
    """

    def __init__(self, live: Live, settings: RtmpSettings) -> None:
        self.live = live
        self.settings = settings
        self.limits = settings.session_limits()
        self.beginning = Places(
            "connections that have not begun", settings.max_beginning, settings.max_beginning_per_address
        )
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.refused = 0
        self.unbegun: Counter[Ending] = Counter()
        self.too_fast = 0
        self.failures = 0
        self._refusals = LogRateLimit(logger, "an RTMP connection was refused")
        self._unbegun = LogRateLimit(logger, "an RTMP client ended before it published or played", logging.INFO)
        self._too_fast = LogRateLimit(logger, "an RTMP publisher is read more slowly")

    @property
    def connections(self) -> list[Connection]:
        """All that are open."""
        return list(self._connections)

    def add(self, connection: Connection) -> None:
        """One more is open."""
        self._connections.add(connection)
        self._empty.clear()

    def discard(self, connection: Connection) -> None:
        """It is gone; nothing happens if it was not there."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    async def wait_until_empty(self, seconds: float) -> None:
        """Returns when no connection is open, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), seconds)

    def count_refusal(self, detail: str) -> None:
        """A connection is closed because there are too many."""
        self.refused += 1
        self._refusals.count(detail)

    def count_unbegun(self, why: Ending, detail: str) -> None:
        """A client is gone that neither published nor played."""
        self.unbegun[why] += 1
        self._unbegun.count(detail)

    def count_too_fast(self, detail: str) -> None:
        """A publisher sends more than it may."""
        self.too_fast += 1
        self._too_fast.count(detail)
