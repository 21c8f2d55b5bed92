"""Unix time that goes on evenly, whatever is done to the machine's clock: a live stream's times come from it."""

from __future__ import annotations

import time
from collections.abc import Callable


class SteadyUnix:
    """Unix time as the clock had it at first, and so many seconds later.

    Time servers set clocks, and a machine that was suspended has another time when it goes on. A stream whose times
    went along would have pictures that go back, and sound that is taken for late until the old time is reached again.

    Args:
        unix_s: Unix time, by the clock that may be set.
        steady_s: The time, in seconds, by one that is not. An event loop's own will not do: some stand still for a turn
            of it, which would part the reports of sound and pictures.
    """

    def __init__(self, unix_s: Callable[[], float], steady_s: Callable[[], float] = time.monotonic) -> None:
        self._unix_s = unix_s
        self._steady_s = steady_s
        self._offset_s = unix_s() - steady_s()

    def now_s(self) -> float:
        """Now."""
        return self._offset_s + self._steady_s()

    def of(self, unix_s: float) -> float:
        """A moment that somebody has just read off the clock that may be set."""
        return unix_s - (self._unix_s() - self.now_s())
