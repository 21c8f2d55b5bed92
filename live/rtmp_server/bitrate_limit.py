"""How fast one publisher may send: who sends faster is read more slowly, so that TCP holds it back."""

from __future__ import annotations

from typing import Final

BURST_S: Final = 2.0
"""A publisher may send what is allowed in so many seconds at once: key frames are large."""


class BitrateLimit:
    """Counts what one publisher sends.

    Args:
        bitrate_bps: What it may send; 0: no limit.
        now_s: The time.
    """

    def __init__(self, bitrate_bps: int, now_s: float) -> None:
        self._bytes_per_s = bitrate_bps / 8
        self._allowed_bytes = self._bytes_per_s * BURST_S
        self._counted_s = now_s

    def count(self, size_bytes: int, now_s: float) -> float:
        """Something has come.

        Args:
            size_bytes: So much.
            now_s: The time.

        Returns:
            For how many seconds nothing should be read; mostly 0.
        """
        if not self._bytes_per_s:
            return 0.0
        earned_bytes = (now_s - self._counted_s) * self._bytes_per_s
        self._allowed_bytes = min(self._allowed_bytes + earned_bytes, self._bytes_per_s * BURST_S) - size_bytes
        self._counted_s = now_s
        return max(0.0, -self._allowed_bytes / self._bytes_per_s)
