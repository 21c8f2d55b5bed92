"""Time and timers, as the rest of the worker sees them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

# uvloop counts whole milliseconds from the beginning of the turn. Who is called a little early, and finds nothing due
# yet, would ask to be called again in no time, a dozen times until the millisecond is over.
_ROUNDING_US = 1000
_NTP_EPOCH_OFFSET_S = 2_208_988_800  # 1900 to 1970, RFC 5905 section 6


class LoopScheduler:
    """Implements ``worker.rtc.context.Scheduler`` over an event loop and the system's clocks."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Callbacks run on ``loop``."""
        self._loop = loop

    def now_us(self) -> int:
        """Microseconds of ``CLOCK_MONOTONIC``."""
        return time.monotonic_ns() // 1000

    def ntp_now(self) -> int:
        """64-bit NTP timestamp of the wall clock."""
        seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
        return ((seconds + _NTP_EPOCH_OFFSET_S) & 0xFFFFFFFF) << 32 | (nanoseconds << 32) // 1_000_000_000

    def call_later(self, delay_us: int, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Calls back once, ``delay_us`` microseconds from now or a little later."""
        return self._loop.call_later((delay_us + _ROUNDING_US) / 1_000_000, callback)
