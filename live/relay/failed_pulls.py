"""Streams that could not be pulled when a player wanted them: for a while they are not tried again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from miso.live.relay.retry_pause import BackOff

MAX_PATHS: Final = 10_000
"""So many are remembered; the oldest is forgotten."""


class FailedPulls:
    """What failed, and until when its origin is left alone. Each further failure doubles the pause.

    Args:
        back_off: Makes what tells the pauses of one path.
    """

    def __init__(self, back_off: Callable[[], BackOff]) -> None:
        self._back_off = back_off
        self._paths: dict[str, tuple[BackOff, float]] = {}

    def __len__(self) -> int:
        return len(self._paths)

    def add(self, path: str, now_s: float) -> None:
        """It has failed, once more perhaps."""
        known = self._paths.pop(path, None)
        back_off = self._back_off() if known is None else known[0]
        self._paths[path] = back_off, now_s + back_off.next_s()
        if len(self._paths) > MAX_PATHS:
            del self._paths[next(iter(self._paths))]

    def forget(self, path: str) -> None:
        """It has worked."""
        self._paths.pop(path, None)

    def rests(self, path: str, now_s: float) -> bool:
        """Whether its origin is to be left alone."""
        known = self._paths.get(path)
        return known is not None and now_s < known[1]
