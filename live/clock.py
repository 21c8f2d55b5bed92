"""The time, for whatever waits: an event loop's in use, a fake one in tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """Something that will be called, unless it is cancelled."""

    def cancel(self) -> None:
        """It will not be called."""


class Clock(Protocol):
    """The time, in seconds, and a way to wait for a later one. An asyncio event loop is one."""

    def time(self) -> float:
        """Now."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer:
        """Calls back after so many seconds."""
