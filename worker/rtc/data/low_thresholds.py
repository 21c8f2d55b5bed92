"""Which data consumers want to know when how little waits in an association.

Every packet that comes or goes changes the amount; only those whose threshold it crosses are looked at.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Generic, TypeVar

Consumer = TypeVar("Consumer")


class LowThresholds(Generic[Consumer]):
    """Thresholds in bytes, each with its data consumers."""

    def __init__(self) -> None:
        self._sorted: list[int] = []
        self._consumers: dict[int, dict[Consumer, None]] = {}

    def add(self, consumer: Consumer, threshold: int) -> None:
        """The data consumer has this threshold."""
        if threshold not in self._consumers:
            insort(self._sorted, threshold)
            self._consumers[threshold] = {}
        self._consumers[threshold][consumer] = None

    def remove(self, consumer: Consumer, threshold: int) -> None:
        """It has it no more."""
        consumers = self._consumers[threshold]
        del consumers[consumer]
        if not consumers:
            del self._consumers[threshold]
            del self._sorted[bisect_left(self._sorted, threshold)]

    def crossed(self, before: int, now: int) -> list[Consumer]:
        """Those to whom so little waits ``now``, and did not ``before``."""
        if now >= before:
            return []
        first, end = bisect_left(self._sorted, now), bisect_left(self._sorted, before)
        return [consumer for threshold in self._sorted[first:end] for consumer in self._consumers[threshold]]
