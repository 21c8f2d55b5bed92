"""Simulated time: what happens when, all of it decided by one seed."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from random import Random
from typing import TypeAlias

Work: TypeAlias = Callable[[], None]


class Scheduler:
    """Does each piece of work when its time has come; of the same time, in the order in which they were asked for.

    Attributes:
        now_s: The time, in seconds from the beginning.
        random: Chance; everything that is by chance uses it.
        done: How many pieces of work were done.
    """

    def __init__(self, seed: int) -> None:
        self.now_s = 0.0
        self.random = Random(seed)
        self.done = 0
        self._queue: list[tuple[float, int, Work]] = []
        self._count = 0
        self._told: deque[tuple[float, str]] = deque(maxlen=4000)

    def after(self, delay_s: float, work: Work) -> None:
        """Does it so many seconds from now."""
        self.at(self.now_s + delay_s, work)

    def at(self, time_s: float, work: Work) -> None:
        """Does it at that time: what is asked for the same time, of which a delay would be rounded, keeps its order."""
        self._count += 1
        heapq.heappush(self._queue, (time_s, self._count, work))

    def run_until(self, time_s: float) -> None:
        """Lets time pass."""
        queue = self._queue
        while queue and queue[0][0] <= time_s:
            self.now_s, _, work = heapq.heappop(queue)
            self.done += 1
            work()
        self.now_s = time_s

    def tell(self, what: str) -> None:
        """Notes something for the trace."""
        self._told.append((self.now_s, what))

    @property
    def trace(self) -> list[str]:
        """What was noted last, the oldest first."""
        return [f"{time_s:9.3f} {what}" for time_s, what in self._told]
