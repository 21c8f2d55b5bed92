"""Time and timers, as the rest of the worker sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from miso.worker.clocks import monotonic_us, wall_ntp
from miso.worker.faults import attempt
from miso.worker.net.loop_delay import LoopDelay
from miso.worker.net.turns import Turns

# uvloop counts whole milliseconds. Who is called a little early would ask to be called again in no time, a dozen times
# until the millisecond is over.
_ROUNDING_US = 1000


class LoopTimer:
    """One scheduled call. Implements ``miso.worker.rtc.context.Timer``.

    An event loop may ring early: it counts from a time of its own, which on a loaded machine is older than the
    caller's, and rounds. So the clock is asked when it rings, and who is early waits for the rest. What a
    callback raises costs its one call (``miso.worker.faults``).
    """

    __slots__ = ("_callback", "_due_us", "_handle", "_scheduler")

    def __init__(self, scheduler: LoopScheduler, delay_us: int, callback: Callable[[], None]) -> None:
        """Calls back once ``delay_us`` microseconds are over."""
        self._scheduler = scheduler
        self._due_us = scheduler.now_us() + delay_us
        self._callback = callback
        self._handle = scheduler.ring_later(delay_us, self._ring)

    def cancel(self) -> None:
        """The call will not happen; no effect once it did."""
        self._handle.cancel()

    def _ring(self) -> None:
        early_us = self._due_us - self._scheduler.now_us()
        if early_us > 0:
            self._handle = self._scheduler.ring_later(early_us, self._ring)
        else:
            attempt(self._callback, self._callback)


class LoopScheduler:
    """Implements ``miso.worker.rtc.context.Scheduler`` over an event loop and the system's clocks."""

    def __init__(self, loop: asyncio.AbstractEventLoop, turns: Turns, delay: LoopDelay) -> None:
        """Callbacks run on ``loop``; what may wait for its turn in ``turns``; ``delay`` notices who stands still."""
        self._loop = loop
        self._turns = turns
        self.stood_until_us = delay.stood_until_us

    now_us = staticmethod(monotonic_us)
    ntp_now = staticmethod(wall_ntp)

    def call_later(self, delay_us: int, callback: Callable[[], None]) -> LoopTimer:
        """Calls back once, ``delay_us`` microseconds from now or a little later, never earlier."""
        return LoopTimer(self, delay_us, callback)

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Calls back once in a later turn of the loop, when there is time beside media."""
        self._turns.add(callback)

    def ring_later(self, delay_us: int, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Calls back in about ``delay_us`` microseconds, by the loop's own idea of time."""
        return self._loop.call_later((delay_us + _ROUNDING_US) / 1_000_000, callback)
