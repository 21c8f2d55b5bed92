# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""How far the wall clock of a sender is from ours, by its sender reports.

A report carries the time at which it left, by the sender's clock, and arrives later: after the time that the way takes,
and after what it waited in queues. The sender's clock minus ours at arrival is therefore never more than the clocks'
true difference less the shortest way; its greatest value within the last minute comes closest to that. It is the same
for all streams of one sender, which keeps picture and sound together (RFC 3550 section 6.4.1,
https://www.rfc-editor.org/rfc/rfc3550.html#section-6.4.1). Another host's clock may be hours off, or be set while it
sends: reports are compared only with those since the clock was last set.
"""

from libc.stdint cimport int64_t, uint64_t

cdef int64_t MAX_STEP = <int64_t>5 << 32  # of NTP time: what queues make of it at most; more is a clock that was set
cdef int64_t WINDOW = <int64_t>30 << 32


cdef inline int64_t ntp_difference(uint64_t later, uint64_t earlier) noexcept:
    """From one 64-bit NTP time to another, signed, in 2^-32 s."""
    return <int64_t>(later - earlier)


cdef class SenderClock:
    """The wall clock of one sender.

    Attributes:
        setting: Counts up when the sender has set its clock: what it said before is of no use any more.
        ahead: How far it is ahead of ours, less the shortest time on the way, in 2^-32 s.
    """

    def take(self, uint64_t ntp, uint64_t our_ntp):
        """A report with this NTP time came at ``our_ntp``."""
        cdef int64_t ahead = ntp_difference(ntp, our_ntp)
        cdef int64_t step = ntp_difference(<uint64_t>ahead, <uint64_t>self.ahead)
        if self.setting == 0 or step > MAX_STEP or step < -MAX_STEP:
            self.setting += 1
            self._window_began = our_ntp
            self._previous = self._present = ahead
        elif ntp_difference(our_ntp, self._window_began) > WINDOW:
            self._window_began = our_ntp
            self._previous, self._present = self._present, ahead
        else:
            self._present = max(self._present, ahead)
        self.ahead = max(self._previous, self._present)


cdef class CaptureClock:
    """Which RTP timestamp a stream's sender gives to what it captures at a time of ours."""

    def __init__(self, SenderClock sender not None):
        """``sender`` is the clock of who sends the stream."""
        self._sender = sender

    def take(self):
        """The stream's own report was just taken, by the sender's clock as it is now set."""
        self._setting = self._sender.setting

    cdef bint holds(self) noexcept:
        """Whether the stream's report is of use: the sender has not set its clock since."""
        return self._setting != 0 and self._setting == self._sender.setting

    cdef int64_t elapsed(self, uint64_t reported_ntp, uint64_t our_ntp) noexcept:
        """Time of the sender from its report to ``our_ntp`` in 2^-32 s."""
        return ntp_difference(our_ntp + <uint64_t>self._sender.ahead, reported_ntp)
