"""Which time of a live stream is now: by when its packets came, but not by when the late ones did."""

from __future__ import annotations

from collections import deque
from math import floor
from typing import Final

WINDOW_S: Final = 20
"""The earliest packet of so many seconds counts. Meanwhile two clocks that differ by 100 ppm part by 2 ms."""


class StreamClock:
    """Relates the times of a stream to the clock of this host.

    Packets come late when a network, or this process, stands still for a moment, and never too early. A clock that
    followed them would say another thing in each sender report, and receivers place sound and picture by different
    ones.
    """

    def __init__(self) -> None:
        self._earliest: deque[tuple[int, float]] = deque()
        """By second, what is to be added to times of the stream: of those seconds after which nothing came earlier."""

    def came(self, time_ms: int, unix_s: float) -> None:
        """Something of that time of the stream, in ms, has come now."""
        offset_s = unix_s - time_ms / 1_000
        second = floor(unix_s)
        while self._earliest and self._earliest[-1][1] >= offset_s:
            self._earliest.pop()
        if not self._earliest or self._earliest[-1][0] != second:
            self._earliest.append((second, offset_s))
        while not second - WINDOW_S < self._earliest[0][0] <= second:  # or this host's clock was set back
            self._earliest.popleft()

    def time_ms(self, unix_s: float) -> int:
        """Which time of the stream is now, in ms; call it only when something has come."""
        return round(1_000 * (unix_s - self._earliest[0][1]))
