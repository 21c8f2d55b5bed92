"""News that come too often: only the latest goes out, at most once per interval."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")

_NOTHING = object()


class LatestPerInterval(Generic[Value]):
    """Passes values on, at most one per interval: the first at once, then the latest when the interval is over."""

    def __init__(self, interval_s: float, send: Callable[[Value], None]) -> None:
        self._interval_s = interval_s
        self._send = send
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: Value | object = _NOTHING

    def offer(self, value: Value) -> None:
        """Passes the value on now or later, unless a later one takes its place."""
        if self._timer is None:
            self._pass_on(value)
        else:
            self._waiting = value

    def close(self) -> None:
        """Forgets what waits."""
        if self._timer is not None:
            self._timer.cancel()
        self._waiting = _NOTHING

    def _pass_on(self, value: Value) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._interval_s, self._interval_over)
        self._send(value)

    def _interval_over(self) -> None:
        self._timer = None
        value, self._waiting = self._waiting, _NOTHING
        if value is not _NOTHING:
            self._pass_on(value)  # type: ignore[arg-type]
