# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""RTP timestamps of a forwarded stream: they go on at the clock's rate when its source is switched."""

from __future__ import annotations

_MODULO = 0xFFFFFFFF  # a C integer in the .pxd: Cython makes a Python object of a literal beyond 31 bits
_HALF = 0x80000000


class TimestampMapper:
    """Adds an offset to incoming timestamps, chosen anew by ``sync``.

    Attributes:
        clock_rate: ticks of the RTP clock per second.
        max_output: newest outgoing timestamp.
        max_output_us: when it was mapped.
    """

    def __init__(self, clock_rate: int) -> None:
        self.clock_rate = clock_rate
        self.max_output = 0
        self.max_output_us = 0
        self._started = False
        self._offset = 0

    def sync(self, next_input: int, now_us: int) -> None:
        """``next_input`` follows what was sent so far, as far from it as the time since then (at least one tick).

        Before the first packet there is nothing to go on from, and timestamps pass as they are.
        """
        if not self._started:
            return
        elapsed_us = now_us - self.max_output_us
        ticks = elapsed_us * self.clock_rate // 1000000 if elapsed_us > 0 else 0
        if ticks < 1:
            ticks = 1
        self._offset = (self.max_output + ticks - next_input) & _MODULO

    def map(self, timestamp: int, now_us: int) -> int:
        """The outgoing timestamp of an incoming one."""
        output = (timestamp + self._offset) & _MODULO
        if not self._started:
            self._started = True
            self.max_output = output
            self.max_output_us = now_us
        elif output != self.max_output and ((output - self.max_output) & _MODULO) < _HALF:
            self.max_output = output
            self.max_output_us = now_us
        return output

    def at(self, now_us: int) -> int:
        """The outgoing timestamp that belongs to ``now_us``, for a sender report (RFC 3550 section 6.4.1)."""
        elapsed_us = now_us - self.max_output_us
        if elapsed_us < 0:
            elapsed_us = 0
        return (self.max_output + elapsed_us * self.clock_rate // 1000000) & _MODULO

    def offset(self) -> int:
        """What is added to incoming timestamps now, modulo 2^32."""
        return self._offset
