"""People who join, stay for a while and leave, beside whatever else happens.

Each comes at a moment of chance within the time that is theirs. At a steady pace they would keep step with packets, and
meet all of them in one run and none in the next.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from threading import Event

from bench.joins.entrance import Entrance

STAY = 10  # so many come before the first of them leaves
_SEED = 1  # the moments are the same for each worker


class Visits:
    """Those of one room.

    Attributes:
        asked: How many were to join, all turns together.
        in_time: How many of them had joined before the turn was over.
    """

    def __init__(self, entrance: Entrance) -> None:
        self.asked = self.in_time = 0
        self._entrance = entrance
        self._chance = Random(_SEED)

    @contextmanager
    def during(self, count: int, per_s: float) -> Iterator[None]:
        """So many come, so many a second, while the block runs; when it ends, all of them have left.

        Raises:
            RuntimeError: The worker refuses something.
        """
        over = Event()
        with ThreadPoolExecutor(1) as pool:
            come = pool.submit(self._come, count, per_s, over)
            try:
                yield
            finally:
                over.set()
            come.result()

    def _come(self, count: int, per_s: float, over: Event) -> None:
        first, begin = self.asked, time.monotonic()
        self.asked += count
        for number in range(count):
            comes = begin + (number + self._chance.random()) / per_s
            time.sleep(max(comes - time.monotonic(), 0))
            self._entrance.join(first + number)
            self.in_time += not over.is_set()
            if number >= STAY:
                self._entrance.leave(first + number - STAY)
        for number in range(max(count - STAY, 0), count):
            self._entrance.leave(first + number)
