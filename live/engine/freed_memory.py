"""Gives memory back to the system that publishers and players have left behind.

Some of what they took is held by cycles until the garbage collector comes, which counts objects and not their bytes: a
TLS connection is a cycle in uvloop and a request one in uvicorn, with OpenSSL's buffers and perhaps a stream's pictures
behind them. The rest is free, but lies in pieces between what lives on, and malloc keeps such pieces. After every burst
of sessions the process would stay larger than before.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from typing import Final

from miso.live.clock import Clock, Timer
from miso.live.sessions.events import Event, EventKind, Events

AFTER_S: Final = 15.0
"""So long after a session's end, and not more often: it takes some 10 ms, and who publishes may come back before."""
_ENDS: Final = (EventKind.UNPUBLISH, EventKind.STOP)


def trim_malloc() -> None:
    """Has glibc give back what it does not need; other systems do so by themselves."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def collect_and_trim() -> None:
    """Looks for what cycles hold, and gives back what is free then."""
    gc.collect()
    trim_malloc()


class FreedMemory:
    """Looks after the memory of one process.

    Args:
        events: Tell when sessions end.
        clock: The time.
        give_back: What gives memory back.
    """

    def __init__(self, events: Events, clock: Clock, give_back: Callable[[], None] = collect_and_trim) -> None:
        self._clock = clock
        self._give_back = give_back
        self._timer: Timer | None = None
        self._is_due_again = False
        self._unsubscribe = events.subscribe(self._happened)

    def close(self) -> None:
        """Looks no more. Idempotent."""
        self._unsubscribe()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _happened(self, event: Event) -> None:
        if event.kind not in _ENDS:
            return
        if self._timer is None:
            self._timer = self._clock.call_later(AFTER_S, self._due)
        else:
            self._is_due_again = True

    def _due(self) -> None:
        self._timer = None
        self._give_back()
        if self._is_due_again:
            self._is_due_again = False
            self._timer = self._clock.call_later(AFTER_S, self._due)
