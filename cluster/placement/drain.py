"""How many of a draining host's people are told to go elsewhere now: a few each second, all before the deadline."""

from __future__ import annotations

import math


class DrainPace:
    """The pace of one drain: even, and no slower than ``LEAST_PER_S``.

    Whoever is told comes back through another host with all its media, and a thousand at once would be a load that
    nobody expects.
    """

    LEAST_PER_S = 5.0

    def __init__(self, now_s: float, timeout_s: float) -> None:
        """The drain begins.

        Args:
            now_s: A monotonic clock, in seconds.
            timeout_s: After so many seconds nobody is to be left; 0: all go at once.
        """
        self._until_s = now_s + timeout_s
        self._told_s = now_s
        self._credit = 1.0

    def due(self, now_s: float, left: int) -> int:
        """How many to tell now; they count as told.

        Args:
            now_s: When; asked every second or more often, the pace is even.
            left: How many there are that were not told.
        """
        remaining_s = self._until_s - self._told_s
        since_s = max(0.0, now_s - self._told_s)
        self._told_s += since_s
        if self._told_s >= self._until_s:
            return left
        self._credit += max(since_s * self.LEAST_PER_S, left * (since_s / remaining_s))
        count = min(left, math.floor(self._credit))
        self._credit = min(self._credit - count, 1.0)
        return count
