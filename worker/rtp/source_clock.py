# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""The RTP timestamps of a source on one line that never leads back, however often the source sets its clock anew.

A looped file, a device that begins again, a clock that stood still: the next packet, by its sequence number, has a
timestamp from before, or one far beyond the time that has gone. Players drop pictures that go back in time, selection
of layers tells pictures apart by time, and sender reports compare streams by it, so such a source is taken in here:
from then on so much is added to its timestamps that they go on where they were, by as much as time has gone. A packet
that was overtaken keeps what its own clock had added.
"""

from __future__ import annotations

_MODULO = 0xFFFFFFFF  # a C integer in the .pxd: Cython makes a Python object of a literal beyond 31 bits
_HALF = 0x80000000
# Of the time that has gone, before it is another clock: the path may have held the packet before up. A player holds the
# picture for as long as it is led ahead.
_MAX_AHEAD_US = 3_000_000
_REPORT_US = 10_000_000  # what a report may be from the packets: pictures wait in encoders
_MAX_BEHIND_US = 1_000_000  # of pictures that are sent in another order than shown
_MAX_STAND_US = 1_000_000  # what is behind by more has not only waited on the way
_MAX_STEP = 0x40000000  # what a step may be at most so that nobody takes it for one back


def is_new_clock(timestamp: int, newest: int, elapsed_us: int, clock_rate: int) -> bool:
    """Whether the next packet's timestamp is of another clock than the newest one before it, ``elapsed_us`` ago."""
    ahead = (timestamp - newest) & _MODULO
    if ahead >= _HALF:
        return _MODULO - ahead + 1 > _MAX_BEHIND_US * clock_rate // 1_000_000
    elapsed_us = max(elapsed_us, 0) + _MAX_AHEAD_US
    return ahead > elapsed_us * clock_rate // 1_000_000


class SourceClock:
    """The line of one stream.

    Attributes:
        newest: the newest timestamp on the line.
        newest_us: when it came first.
        stops: how often the clock had stood still for a second or more while nothing came: a mute, after which what was
            reported of it does not hold.
    """

    def __init__(self, clock_rate: int, reorders: bool = False) -> None:
        """``reorders``: pictures may be sent in another order than shown (H264), by up to a second."""
        self.newest = 0
        self.newest_us = 0
        self.stops = 0
        self._clock_rate = clock_rate
        self._reorders = reorders
        self._started = False
        self._offset = 0  # what is added to timestamps
        self._previous_offset = 0  # likewise, before ``_first``
        self._first = 0  # sequence number of the clock's first packet
        self._set_anew = False

    def follow(self, sequence_number: int, timestamp: int, is_newest: bool, begins: bool, now_us: int) -> int:
        """The place on the line of a packet of the stream's codec.

        Args:
            sequence_number: of the packet.
            timestamp: as received.
            is_newest: it comes after all packets so far, by its sequence number.
            begins: nothing sent after it is shown before it (a key frame of H264).
            now_us: its arrival.
        """
        if not self._started:
            self._started = True
            self.newest = timestamp
            self.newest_us = now_us
            return timestamp
        if not is_newest:
            return self.place(sequence_number, timestamp)
        line = (timestamp + self._offset) & _MODULO
        is_behind = line != self.newest and ((line - self.newest) & _MODULO) >= _HALF
        if (is_behind and (begins or not self._reorders)) or is_new_clock(
            line, self.newest, now_us - self.newest_us, self._clock_rate
        ):
            line = self._begin(sequence_number, timestamp, now_us)
        elif is_behind:
            return line
        if line != self.newest:
            gone_us = now_us - self.newest_us - _MAX_STAND_US
            if gone_us > 0 and ((line - self.newest) & _MODULO) < gone_us * self._clock_rate // 1_000_000:
                self.stops += 1
            self.newest = line
            self.newest_us = now_us
        return line

    def place(self, sequence_number: int, timestamp: int) -> int:
        """The place on the line of a packet that was overtaken, or says nothing of the clock (another codec's).

        What comes after a clock's first packet, and was sent before it, may be of either clock: of the nearer one.
        """
        line = (timestamp + self._offset) & _MODULO
        if self._set_anew and ((sequence_number - self._first) & 0xFFFF) >= 0x8000:
            previous = (timestamp + self._previous_offset) & _MODULO
            if self._distance(previous) < self._distance(line):
                return previous
        return line

    def _distance(self, line: int) -> int:
        ahead = (line - self.newest) & _MODULO
        return ahead if ahead < _HALF else _MODULO - ahead + 1

    def report(self, timestamp: int, now_us: int) -> int:
        """The place on the line of a sender report's timestamp; -1: it is of no clock that a packet has come of.

        Reports tell of about now, or, from a sender that sends nothing, of when it last did.
        """
        if not self._started:
            return timestamp
        elapsed_us = max(now_us - self.newest_us, 0) + 2 * _REPORT_US
        earliest = (self.newest - _REPORT_US * self._clock_rate // 1_000_000) & _MODULO
        room = elapsed_us * self._clock_rate // 1_000_000
        line = (timestamp + self._offset) & _MODULO
        if ((line - earliest) & _MODULO) <= room:
            return line
        line = (timestamp + self._previous_offset) & _MODULO
        if self._set_anew and ((line - earliest) & _MODULO) <= room:
            return line
        return -1

    def _begin(self, sequence_number: int, timestamp: int, now_us: int) -> int:
        elapsed_us = max(now_us - self.newest_us, 0)
        step = max(min(elapsed_us * self._clock_rate // 1_000_000, _MAX_STEP), 1)
        line = (self.newest + step) & _MODULO
        self._previous_offset = self._offset
        self._first = sequence_number
        self._set_anew = True
        self._offset = (line - timestamp) & _MODULO
        return line
