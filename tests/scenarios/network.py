"""A one-way network path that loses, delays, repeats, reorders and queues; the same way again for the same seed."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Path:
    """One direction between two hosts; its conditions may be changed on the way.

    Attributes:
        seed: of everything random here.
        loss: share of the datagrams that vanish, 0 to 1.
        duplicate: share that arrives twice.
        delay_ms: of every datagram.
        jitter_ms: up to so much more, evenly spread.
        reorders: whether the jitter puts datagrams out of order.
        rate_bps: of the link, None without limit.
        queue_ms: what would wait longer before the link is dropped.
        swallows: tells of a datagram whether it vanishes, besides those that are lost by chance.
    """

    seed: int = 1
    loss: float = 0.0
    duplicate: float = 0.0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    reorders: bool = False
    rate_bps: int | None = None
    queue_ms: float = 200.0
    swallows: Callable[[bytes], bool] | None = None
    sent: int = 0
    lost: int = 0
    overflowed: int = 0
    longest_queue_ms: float = 0.0
    _random: random.Random = field(init=False, repr=False)
    _order: itertools.count[int] = field(init=False, repr=False, default_factory=itertools.count)
    _under_way: list[tuple[int, int, bytes]] = field(init=False, repr=False, default_factory=list)
    _free_us: float = field(init=False, repr=False, default=0.0)
    _last_us: int = field(init=False, repr=False, default=0)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def send(self, data: bytes, now_us: int) -> None:
        """Takes a datagram."""
        self.sent += 1
        leaves_us = float(now_us)
        if self.rate_bps is not None:
            begins_us = max(self._free_us, leaves_us)
            waits_ms = (begins_us - leaves_us) / 1000
            if waits_ms > self.queue_ms:
                self.overflowed += 1
                return
            self.longest_queue_ms = max(self.longest_queue_ms, waits_ms)
            leaves_us = self._free_us = begins_us + (len(data) + 28) * 8e6 / self.rate_bps
        if self._random.random() < self.loss or (self.swallows is not None and self.swallows(data)):
            self.lost += 1
            return
        for _ in range(2 if self._random.random() < self.duplicate else 1):
            arrives_us = int(leaves_us + 1000 * (self.delay_ms + self._random.random() * self.jitter_ms))
            if not self.reorders:
                arrives_us = self._last_us = max(self._last_us, arrives_us)
            heapq.heappush(self._under_way, (arrives_us, next(self._order), data))

    def take_due(self, now_us: int) -> list[bytes]:
        """What has arrived by now, in order of arrival."""
        arrived = []
        while self._under_way and self._under_way[0][0] <= now_us:
            arrived.append(heapq.heappop(self._under_way)[2])
        return arrived

    @property
    def next_due_us(self) -> int | None:
        """When the next datagram arrives."""
        return self._under_way[0][0] if self._under_way else None
