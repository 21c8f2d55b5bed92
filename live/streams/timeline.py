"""Puts what publishers say of time onto one line that never goes back, and never far ahead of the clock at once."""

from __future__ import annotations

from typing import Final

BACK_MS: Final = 5_000
"""One track of a publisher may come this much later than another, as a room's sound does where there is no CPU to
convert it in time; who goes back further has begun anew."""
RESUME_MS: Final = 20
"""What comes after a break begins so long after what was before: about a frame."""
_MS_PER_S = 1_000


class Timeline:
    """Times of a stream, over all its publishers. One offset holds for all tracks, so that they stay together.

    Args:
        max_leap_s: Who goes on so much further from one packet to the next than the clock has gone has begun anew, too:
            else players would wait for as long, and files have a picture of that length.
    """

    def __init__(self, max_leap_s: float) -> None:
        self._max_leap_ms = _MS_PER_S * max_leap_s
        self._offset_ms: int | None = None
        self._start_ms = 0  # where its publisher has begun
        self._last_ms: int | None = None
        self._newest_raw_ms = 0
        self._placed_s = 0.0  # when the packet before was placed

    def begin(self) -> None:
        """A publisher comes, or comes back: its first packet goes on where the stream has stopped."""
        self._offset_ms = None

    def place(self, raw_ms: int, now_s: float) -> int:
        """A packet's time on the stream's line.

        Args:
            raw_ms: Its time as its publisher has it, in milliseconds; unwrapped.
            now_s: The time, by a clock that does not go back.

        Returns:
            Milliseconds since the stream's first packet.
        """
        ahead_ms = raw_ms - self._newest_raw_ms
        passed_ms = _MS_PER_S * (now_s - self._placed_s)
        self._placed_s = now_s
        if self._offset_ms is None or ahead_ms < -BACK_MS or ahead_ms > passed_ms + self._max_leap_ms:
            self._start_ms = 0 if self._last_ms is None else self._last_ms + RESUME_MS
            self._offset_ms = self._start_ms - raw_ms
            self._newest_raw_ms = raw_ms
        self._newest_raw_ms = max(self._newest_raw_ms, raw_ms)
        placed_ms = max(self._start_ms, raw_ms + self._offset_ms)
        self._last_ms = placed_ms if self._last_ms is None else max(self._last_ms, placed_ms)
        return placed_ms
