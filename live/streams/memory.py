"""How much all streams keep together: where it is too much, who keeps most gives up its oldest."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final, Protocol

from miso.protoo.log_rate_limit import LogRateLimit

logger = logging.getLogger(__name__)

UNLIMITED: Final = 1 << 62
PACKET_BYTES: Final = 400
"""What a packet takes beside its bits, in all the objects that describe it; measured."""


class Keeper(Protocol):
    """What keeps packets: of a track, or of a stream in one format."""

    @property
    def kept_bytes(self) -> int:
        """What it keeps, with :data:`PACKET_BYTES` for each packet."""

    def __len__(self) -> int:
        """How many packets it keeps."""

    def drop_oldest(self) -> None:
        """Keeps one less; it has one."""


class Memory:
    """One bound for all keepers.

    Keepers stand by the logarithm of their size: one that has at least half of what the largest has is found at once,
    however many there are.

    Attributes:
        used_bytes: What all keep.
        dropped_packets: What was given up because it was too much.

    Args:
        max_bytes: So much is allowed.
    """

    def __init__(self, max_bytes: int = UNLIMITED) -> None:
        self.used_bytes = 0
        self.dropped_packets = 0
        self._max_bytes = max_bytes
        self._sizes: dict[Keeper, int] = {}
        self._by_magnitude: list[dict[Keeper, str]] = [{} for _ in range(UNLIMITED.bit_length() + 1)]
        self._largest = 0  # no keeper has a greater magnitude
        self._drops = LogRateLimit(logger, "streams keep too much together, the oldest of the largest was dropped")

    def add(self, keeper: Keeper, name: str) -> None:
        """Counts one more, which keeps nothing yet.

        Args:
            keeper: Which.
            name: What the log calls it.
        """
        self._sizes[keeper] = 0
        self._by_magnitude[0][keeper] = name

    def remove(self, keeper: Keeper) -> None:
        """It counts no more. Nothing happens if it did not."""
        size = self._sizes.pop(keeper, None)
        if size is not None:
            self.used_bytes -= size
            del self._by_magnitude[size.bit_length()][keeper]

    def has_written(self, keeper: Keeper) -> None:
        """A packet was added to a keeper. What is too much goes now, but never that packet."""
        self._measure(keeper)
        while self.used_bytes > self._max_bytes:
            largest = self._one_of_the_largest(keeper)
            if largest is None:
                return
            self._drops.count(f"stream={self._by_magnitude[self._sizes[largest].bit_length()][largest]}")
            self.dropped_packets += 1
            largest.drop_oldest()
            self._measure(largest)

    def _measure(self, keeper: Keeper) -> None:
        before, size = self._sizes.get(keeper), keeper.kept_bytes
        if before is None:
            return
        self.used_bytes += size - before
        self._sizes[keeper] = size
        magnitude = size.bit_length()
        if magnitude != before.bit_length():
            self._by_magnitude[magnitude][keeper] = self._by_magnitude[before.bit_length()].pop(keeper)
            self._largest = max(self._largest, magnitude)

    def _one_of_the_largest(self, writer: Keeper) -> Keeper | None:
        while self._largest and not self._by_magnitude[self._largest]:
            self._largest -= 1
        for magnitude in range(self._largest, 0, -1):
            found = _with_something_old(self._by_magnitude[magnitude], writer)
            if found is not None:
                return found
        return None


def _with_something_old(keepers: Iterable[Keeper], writer: Keeper) -> Keeper | None:
    return next((keeper for keeper in keepers if keeper is not writer or len(keeper) > 1), None)
