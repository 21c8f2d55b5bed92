"""What all connections of the RTMP server share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from miso.live.engine.services import Live
from miso.live.rtmp.adobe_login import Logins
from miso.live.rtmp.session.events import Ending
from miso.live.rtmp.session.introduction import LoginRules
from miso.live.rtmp.session.server_session import ServerSession
from miso.live.rtmp_server.publisher_limits import AddressLimits, PublisherLimits
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
        beginning: Places of connections that neither publish nor play.
        refused: How many connections were closed because there are too many.
        unbegun: How many ended before they had published or played, by why.
        failed_logins: How often somebody was not who it said it was.
        too_fast: How often a publisher was read more slowly, because of what it sent or what its address did.
        failures: How many connections ended by a bug.
    """

    def __init__(self, live: Live, settings: RtmpSettings) -> None:
        self.live = live
        self.settings = settings
        self._limits = settings.session_limits()
        users = live.gate.users
        self._players_log_in = users.players_too
        self._logins = Logins(users.password, secrets.token_bytes) if len(users) else None
        self.beginning = Places(
            "connections that have not begun", settings.max_beginning, settings.max_beginning_per_address
        )
        self._address_limits = AddressLimits(settings.max_bitrate_kbps_per_address)
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.refused = 0
        self.unbegun: Counter[Ending] = Counter()
        self.failed_logins = 0
        self.too_fast = 0
        self.failures = 0
        self._refusals = LogRateLimit(logger, "an RTMP connection was refused")
        self._unbegun = LogRateLimit(logger, "an RTMP client ended before it published or played", logging.INFO)
        self._failed_logins = LogRateLimit(logger, "an RTMP client is not the user that it says it is")
        self._too_fast = LogRateLimit(logger, "an RTMP publisher is read more slowly")

    @property
    def connections(self) -> list[Connection]:
        """All that are open."""
        return list(self._connections)

    def new_session(self, check_tries: Callable[[], None]) -> ServerSession:
        """A session for a connection that begins; see :class:`~miso.live.rtmp.session.introduction.LoginRules`."""
        rules = LoginRules(self._logins, self._players_log_in, check_tries)
        return ServerSession(self._limits, self.live.clock.time(), login_rules=rules)

    def limits_of_publisher(self, address: str) -> PublisherLimits:
        """How fast one more publisher may send; to be given back when it has gone."""
        return self._address_limits.take(address, self.settings.max_bitrate_kbps, self.live.clock.time())

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

    def count_failed_login(self, detail: str) -> None:
        """Somebody has shown a wrong password, or an old answer, or is no user."""
        self.failed_logins += 1
        self._failed_logins.count(detail)

    def count_too_fast(self, detail: str) -> None:
        """A publisher sends more than it may."""
        self.too_fast += 1
        self._too_fast.count(detail)
