# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What the other side's clock said last, to be echoed in a report block (LSR, DLSR) or extended report (LRR, DLRR).

https://www.rfc-editor.org/rfc/rfc3550.html#section-6.4.1, https://www.rfc-editor.org/rfc/rfc3611.html#section-4.5
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef enum:
    COMPACT_SECOND = 65536  # in 16.16 fixed point
    LONGEST_US = 65535000000  # what fits there


cdef class EchoClock:
    """The last report of the other side, and how long it lies here.

    Attributes:
        compact_ntp: The middle 32 bits of its NTP timestamp, 0 before the first.
    """

    def take(self, uint64_t ntp, int64_t now_us):
        """A report came with this 64-bit NTP timestamp."""
        self.compact_ntp = <uint32_t>(ntp >> 16)
        self._received_us = now_us

    def delay(self, int64_t now_us):
        """How long it lies here, in 1/65536 s; 0 before the first, and the largest value for what does not fit."""
        return self.delay_at(now_us)

    cdef uint32_t delay_at(self, int64_t now_us) noexcept:
        cdef int64_t elapsed_us = now_us - self._received_us
        if self.compact_ntp == 0 or elapsed_us < 0:
            return 0
        if elapsed_us > LONGEST_US:
            return 0xFFFFFFFF
        return <uint32_t>(elapsed_us * COMPACT_SECOND // 1000000)
