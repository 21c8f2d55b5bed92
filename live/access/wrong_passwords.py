"""How many wrong passwords an address may show: who guesses is not listened to for a while."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from miso.live.sessions.places import customer_of
from miso.protoo.log_rate_limit import LogRateLimit

logger = logging.getLogger(__name__)

UNLIMITED: Final = 0
MAX_ADDRESSES: Final = 10_000
"""So many are remembered; the one that was wrong least lately is forgotten."""
TOO_MANY_WRONG: Final = "too many wrong passwords came from this address, none is looked at for a while"
"""What is told to who shows one more, a right one perhaps."""
_MINUTE_S: Final = 60.0


class WrongPasswords:
    """Counts them for each address (IPv6: /64), over all protocols. A minute's number may come at once.

    Attributes:
        refused: How many passwords were not looked at.

    Args:
        per_minute: So many an address may show; 0: no limit.
        unix_s: Unix time.
    """

    def __init__(self, per_minute: int, unix_s: Callable[[], float]) -> None:
        self.refused = 0
        self._per_minute = per_minute
        self._unix_s = unix_s
        self._shown: dict[str, tuple[float, float]] = {}  # how many count, and when that was so
        self._refusals = LogRateLimit(logger, "a password was not looked at")

    def __len__(self) -> int:
        """How many addresses are remembered."""
        return len(self._shown)

    def add(self, address: str) -> None:
        """A wrong one came from there."""
        if self._per_minute == UNLIMITED:
            return
        customer = customer_of(address)
        count = self._count(customer) + 1
        self._shown.pop(customer, None)
        self._shown[customer] = count, self._unix_s()
        if len(self._shown) > MAX_ADDRESSES:
            del self._shown[next(iter(self._shown))]

    def refuse(self, address: str) -> bool:
        """Whether another one from there is not to be looked at; that is counted and logged."""
        if self._per_minute == UNLIMITED or self._count(customer_of(address)) <= self._per_minute - 1:
            return False
        self.refused += 1
        self._refusals.count(f"address={address}: {self._per_minute} wrong ones a minute are allowed")
        return True

    def _count(self, customer: str) -> float:
        count, since_s = self._shown.get(customer, (0.0, 0.0))
        now_s = self._unix_s()
        if now_s < since_s:  # the clock was set back
            self._shown[customer] = count, now_s
            return count
        return max(0.0, count - (now_s - since_s) * self._per_minute / _MINUTE_S)
