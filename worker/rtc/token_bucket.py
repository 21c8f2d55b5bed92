"""How much of something is allowed: some at once, then one more every so often."""

from __future__ import annotations


class TokenBucket:
    """Full at first; each grant takes a token out, and time puts tokens back in."""

    def __init__(self, size: int, refill_us: int, now_us: int) -> None:
        """Full.

        Args:
            size: How many tokens it holds at most.
            refill_us: How long a token takes to come back.
            now_us: Monotonic time.
        """
        self._full_us = size * refill_us
        self._refill_us = refill_us
        self._saved_us = self._full_us  # a token is ``_refill_us`` of it
        self._counted_us = now_us

    def take(self, wanted: int, now_us: int) -> int:
        """Gives how many of the wanted tokens there are, 0 to ``wanted``; they are gone then."""
        self._refill(now_us)
        granted = min(wanted, self._saved_us // self._refill_us)
        self._saved_us -= granted * self._refill_us
        return granted

    def wait_us(self, now_us: int) -> int:
        """How long it takes until there is a token; 0: there is one."""
        self._refill(now_us)
        return max(self._refill_us - self._saved_us, 0)

    def _refill(self, now_us: int) -> None:
        self._saved_us = min(self._saved_us + now_us - self._counted_us, self._full_us)
        self._counted_us = now_us
