"""How far the wall clock of a sender is from ours, by its sender reports.

A report carries the time at which it left, by the sender's clock, and arrives later: after the time that the way takes,
and after what it waited in queues. The sender's clock minus ours at arrival is therefore never more than the clocks'
true difference less the shortest way; its greatest value within the last minute comes closest to that. It is the same
for all streams of one sender, which keeps picture and sound together (RFC 3550 section 6.4.1,
https://www.rfc-editor.org/rfc/rfc3550.html#section-6.4.1). Another host's clock may be hours off, or be set while it
sends: reports are compared only with those since the clock was last set.
"""

from __future__ import annotations

from weakref import WeakValueDictionary

_SECOND = 1 << 32  # of NTP time
_MAX_STEP = 5 * _SECOND  # what queues on the way make of it at most; more is a clock that was set
_WINDOW = 30 * _SECOND


def ntp_difference(later: int, earlier: int) -> int:
    """From one 64-bit NTP time to another, signed, in 2^-32 s."""
    return ((later - earlier + (1 << 63)) & 0xFFFFFFFF_FFFFFFFF) - (1 << 63)


class SenderClock:
    """The wall clock of one sender.

    Attributes:
        setting: Counts up when the sender has set its clock: what it said before is of no use any more.
        ahead: How far it is ahead of ours, less the shortest time on the way, in 2^-32 s.
    """

    def __init__(self) -> None:
        self.setting = 0
        self.ahead = 0
        self._previous = self._present = 0  # the greatest difference of two windows
        self._window_began = 0

    def take(self, ntp: int, our_ntp: int) -> None:
        """A report with this NTP time came at ``our_ntp``."""
        ahead = ntp_difference(ntp, our_ntp)
        if self.setting == 0 or abs(ahead - self.ahead) > _MAX_STEP:
            self.setting += 1
            self._window_began = our_ntp
            self._previous = self._present = ahead
        elif ntp_difference(our_ntp, self._window_began) > _WINDOW:
            self._window_began = our_ntp
            self._previous, self._present = self._present, ahead
        else:
            self._present = max(self._present, ahead)
        self.ahead = max(self._previous, self._present)


class CaptureClock:
    """Which RTP timestamp a stream's sender gives to what it captures at a time of ours."""

    def __init__(self, sender: SenderClock) -> None:
        """``sender`` is the clock of who sends the stream."""
        self._sender = sender
        self._setting = 0

    def take(self) -> None:
        """The stream's own report was just taken, by the sender's clock as it is now set."""
        self._setting = self._sender.setting

    def elapsed(self, reported_ntp: int, our_ntp: int) -> int | None:
        """Time of the sender from its report to ``our_ntp`` in 2^-32 s; None: the report is of no use."""
        if self._setting == 0 or self._setting != self._sender.setting:
            return None
        return ntp_difference(our_ntp + self._sender.ahead, reported_ntp)


class SenderClocks:
    """The clocks of a transport's senders, by CNAME, as long as a producer has one."""

    def __init__(self) -> None:
        self._clocks: WeakValueDictionary[str, SenderClock] = WeakValueDictionary()

    def of(self, cname: str) -> SenderClock:
        """The clock of who calls itself so."""
        clock = self._clocks.get(cname)
        if clock is None:
            clock = self._clocks[cname] = SenderClock()
        return clock
