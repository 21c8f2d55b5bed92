"""People who join at a steady pace, stay for a while and leave, beside whatever else happens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from bench.joins.entrance import Entrance

STAY = 10  # so many come before the first of them leaves


class Visits:
    """Those of one room.

    Attributes:
        asked: How many were to join, all turns together.
        in_time: How many of them had joined before the turn was over.
    """

    def __init__(self, entrance: Entrance) -> None:
        self.asked = self.in_time = 0
        self._entrance = entrance

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
            time.sleep(max(begin + number / per_s - time.monotonic(), 0))
            self._entrance.join(first + number)
            self.in_time += not over.is_set()
            if number >= STAY:
                self._entrance.leave(first + number - STAY)
        for number in range(max(count - STAY, 0), count):
            self._entrance.leave(first + number)
