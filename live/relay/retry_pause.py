"""How long to wait before something is tried again: longer each time, and never all at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_LEAST_SHARE: Final = 0.5
"""Of a pause; the rest is up to chance, so that those whose server fell do not come back to it as one."""


class BackOff:
    """Pauses that double.

    Args:
        first_s: The first.
        longest_s: No pause is longer.
        random: Gives numbers from 0 up to 1.
    """

    def __init__(self, first_s: float, longest_s: float, random: Callable[[], float]) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._random = random
        self._next_s = first_s

    def next_s(self) -> float:
        """How long to wait now, in seconds."""
        pause_s = min(self._next_s, self._longest_s)
        self._next_s = min(2 * pause_s, self._longest_s)
        return pause_s * (_LEAST_SHARE + (1 - _LEAST_SHARE) * self._random())

    def reset(self) -> None:
        """It has worked for a while: the next pause is the first again."""
        self._next_s = self._first_s
