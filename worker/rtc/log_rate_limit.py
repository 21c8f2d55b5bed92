"""Limits log lines that a peer can provoke to one a second, however often it happens; it is counted."""

from __future__ import annotations

_EVERY_US = 1_000_000


class LogRateLimit:
    """One kind of line.

    Attributes:
        count: How often it happened so far.
    """

    def __init__(self) -> None:
        self.count = 0
        self._told_us: int | None = None

    def is_due(self, now_us: int) -> bool:
        """It happened once more: whether to log it now."""
        self.count += 1
        if self._told_us is not None and now_us - self._told_us < _EVERY_US:
            return False
        self._told_us = now_us
        return True
