# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""RTP timestamps of a forwarded stream: they go on at the clock's rate when its source is switched."""

from __future__ import annotations

_MODULO = 0xFFFFFFFF  # a C integer in the .pxd: Cython makes a Python object of a literal beyond 31 bits
_HALF = 0x80000000


def clock_offset(ntp: int, timestamp: int, reference_ntp: int, reference_timestamp: int, clock_rate: int) -> int:
    """How far a stream's timestamps are ahead of a reference stream's at the same moment, modulo 2^32.

    Args:
        ntp: 64-bit NTP time of the stream's sender report (RFC 3550 section 6.4.1).
        timestamp: the RTP timestamp of the same report.
        reference_ntp: likewise, of the reference stream.
        reference_timestamp: likewise.
        clock_rate: ticks per second of both.
    """
    seconds = (ntp >> 32) - (reference_ntp >> 32)
    fraction = (ntp & _MODULO) - (reference_ntp & _MODULO)
    elapsed = seconds * clock_rate + ((fraction * clock_rate) >> 32)
    return (timestamp - elapsed - reference_timestamp) & _MODULO


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
        self._started = False  # a packet has been mapped
        self._offset = 0  # what is added to timestamps, modulo 2^32
        self._refused = False  # the last ``switch`` was

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

    def resume(self, next_input: int, now_us: int) -> None:
        """``next_input`` follows a pause in the same stream: its own clock tells best how long that was.

        Where that would lead back, or 10 s further than time has gone, the sender has begun anew: then as ``sync``.
        """
        ahead = (next_input + self._offset - self.max_output) & _MODULO
        elapsed_us = now_us - self.max_output_us
        limit = (elapsed_us + 10_000_000) * self.clock_rate // 1_000_000
        if ahead == 0 or ahead >= _HALF or ahead > limit:
            self.sync(next_input, now_us)

    def switch(self, next_input: int, source_offset: int) -> bool:
        """``next_input`` is of another stream, whose timestamps are ``source_offset`` ahead (``clock_offset``).

        Where it would not come after what was sent, since the streams reach us at different times, the stream is moved
        to 1 ms after that for as long as it lasts: it may be the same picture, and what is added here stays when the
        next switch follows soon. More than 75 ms would be seen as lips out of step: the first such frame is refused,
        a second one is not, since a picture that stands still is worse.

        Returns:
            False when ``next_input`` is refused: the stream may be tried again at its next key frame.
        """
        offset = (0 - source_offset) & _MODULO
        output = (next_input + offset) & _MODULO
        extra = (self.max_output - output) & _MODULO
        if self._started and extra < _HALF:
            extra += self.clock_rate // 1000
            if extra > 75 * self.clock_rate // 1000 and not self._refused:
                self._refused = True
                return False
            offset = (offset + extra) & _MODULO
        self._refused = False
        self._offset = offset
        return True

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
