# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""The receiver's clock as its feedback tells it, without its wraps and jumps."""

from __future__ import annotations

from miso.worker.bwe import enums

_WRAP = 0x100000000  # ticks; a C integer in the .pxd, of a literal Cython would make a Python object
_MAX_BACK = -16000  # ticks, 4 s back and 10 s forth: what is further is another clock
_MAX_FORTH = 40000
_MAX_REORDERED_US = 4000000  # no arrival is taken to be so long before the newest
_BEGIN_US = 1000000000


class ReceiverClock:
    """Turns ticks of 250 µs, which wrap and may claim anything, into microseconds.

    Attributes:
        newest_us: the latest arrival.
        has_jumped: the last tick was another clock's: nothing follows from its distance to the one before.
    """

    def __init__(self) -> None:
        self.newest_us = _BEGIN_US
        self.has_jumped = False
        self._last_tick = 0
        self._us = _BEGIN_US

    def take(self, tick: int) -> int:
        """The next arrival, in microseconds."""
        step = (tick - self._last_tick) & (_WRAP - 1)
        if step >= _WRAP >> 1:
            step -= _WRAP
        self._last_tick = tick
        self.has_jumped = step < _MAX_BACK or step > _MAX_FORTH
        if self.has_jumped:
            step = 0
        self._us = max(self._us + step * enums.TICK_US, self.newest_us - _MAX_REORDERED_US)
        self.newest_us = max(self.newest_us, self._us)
        return self._us
