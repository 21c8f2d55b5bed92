"""Puts what publishers say of time onto one line that never goes back."""

from __future__ import annotations

from typing import Final

BACK_MS: Final = 1_000
"""Packets of one publisher may come this much out of order; who goes back further has begun anew."""
RESUME_MS: Final = 20
"""What comes after a break begins so long after what was before: about a frame."""


class Timeline:
    """Times of a stream, over all its publishers. One offset holds for all tracks, so that they stay together."""

    def __init__(self) -> None:
        self._offset_ms: int | None = None
        self._last_ms: int | None = None
        self._newest_raw_ms = 0

    def begin(self) -> None:
        """A publisher comes, or comes back: its first packet goes on where the stream has stopped."""
        self._offset_ms = None

    def place(self, raw_ms: int) -> int:
        """A packet's time on the stream's line.

        Args:
            raw_ms: Its time as its publisher has it, in milliseconds; unwrapped.

        Returns:
            Milliseconds since the stream's first packet.
        """
        if self._offset_ms is None or raw_ms < self._newest_raw_ms - BACK_MS:
            start_ms = 0 if self._last_ms is None else self._last_ms + RESUME_MS
            self._offset_ms = start_ms - raw_ms
            self._newest_raw_ms = raw_ms
        self._newest_raw_ms = max(self._newest_raw_ms, raw_ms)
        placed_ms = max(0, raw_ms + self._offset_ms)
        self._last_ms = placed_ms if self._last_ms is None else max(self._last_ms, placed_ms)
        return placed_ms
