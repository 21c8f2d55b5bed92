"""A list that stays short: of what comes, every second, every fourth … is kept, evenly over all that came."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class ThinnedList(Generic[T]):
    """At most so many of the things that were added, and at least half as many once there were.

    Attributes:
        items: Those that are kept, in their order.
    """

    def __init__(self, most: int) -> None:
        """``most`` are kept, at least 2."""
        self.items: list[T] = []
        self._most = most
        self._step = 1
        self._added = 0

    def add(self, item: T) -> None:
        """One more."""
        if self._added % self._step == 0:
            if len(self.items) == self._most:
                del self.items[1::2]
                self._step *= 2
            if self._added % self._step == 0:
                self.items.append(item)
        self._added += 1
