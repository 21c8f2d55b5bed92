"""Which time of a live stream is now: by when its packets came, but not by when the late ones did."""

from __future__ import annotations

from typing import Final

RISE: Final = 0.005
"""Seconds in each second by which what comes late moves the clock. Clocks that differ by 100 ppm need a fiftieth."""
MOST_LATE_S: Final = 8.0
"""Seconds; a worker does not believe reports that are 10 s from what comes."""
PATIENCE_S: Final = 1.0
"""When all that has come for so many seconds is later than that, it sets the clock."""


class StreamClock:
    """Relates the times of a stream to a clock of this host.

    Packets come late when a network, or this process, stands still for a moment, and never too early. A clock that
    followed them would say another thing in each sender report, and receivers place sound and picture by different
    ones, up to five seconds apart. So it follows slowly, also when a publisher comes again after a pause, and the times
    of the stream go on where they had stopped.
    """

    def __init__(self) -> None:
        self._offset_s: float | None = None
        """What is to be added to times of the stream."""
        self._came_s = 0.0
        self._near_s = 0.0

    def came(self, time_ms: int, now_s: float) -> None:
        """Something of that time of the stream, in ms, has come now; ``now_s`` is monotonic, in seconds."""
        offset_s = now_s - time_ms / 1_000
        if self._offset_s is None:
            self._offset_s = offset_s
        elapsed_s, self._came_s = now_s - self._came_s, now_s
        if offset_s - self._offset_s <= MOST_LATE_S:
            self._near_s = now_s
            self._offset_s = min(offset_s, self._offset_s + RISE * elapsed_s)
        elif now_s - self._near_s > PATIENCE_S:
            self._near_s = now_s
            self._offset_s = offset_s

    def time_ms(self, now_s: float) -> int:
        """Which time of the stream is now, in ms; call it only when something has come."""
        assert self._offset_s is not None
        return round(1_000 * (now_s - self._offset_s))
