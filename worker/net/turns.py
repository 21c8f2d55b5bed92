"""Work that can wait, done for a few milliseconds in each turn of the event loop: media is read and sent in between."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from miso.worker.faults import attempt_for

TURN_BUDGET_NS: Final = 2_000_000
"""After so long no piece of work is begun any more in the turn."""


class Turns:
    """Calls back in the order in which it was asked to, one after the other, at least one in each turn.

    How long a piece of work takes is its own affair: it should be short beside ``TURN_BUDGET_NS``.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        """Nothing is to be done yet; ``clock_ns`` tells how much of the budget is used."""
        self._loop = loop
        self._clock_ns = clock_ns
        self._waiting: deque[Callable[[], bool | None]] = deque()
        self._asked = False  # the loop, for a turn

    def add(self, work: Callable[[], bool | None]) -> None:
        """Calls ``work`` in a later turn, and as long as it gives True once more, when the others had their chance.

        What it raises costs its one call (``miso.worker.faults``).
        """
        self._waiting.append(work)
        self._ask()

    def run(self, work: Callable[[], bool | None]) -> bool:
        """As ``add``, but begins at once, with a budget of its own; gives whether some is left for later turns."""
        end_ns = self._clock_ns() + TURN_BUDGET_NS
        while attempt_for(None, work, work):
            if self._clock_ns() >= end_ns:
                self.add(work)
                return True
        return False

    def _ask(self) -> None:
        if not self._asked:
            self._asked = True
            self._loop.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._asked = False
        end_ns = self._clock_ns() + TURN_BUDGET_NS
        while self._waiting:
            work = self._waiting.popleft()
            if attempt_for(None, work, work):
                self._waiting.append(work)
            if self._clock_ns() >= end_ns:
                break
        if self._waiting:
            self._ask()
