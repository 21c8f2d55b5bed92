"""Declares what the other side's clock said last, for what echoes it."""

from libc.stdint cimport int64_t, uint32_t


cdef class EchoClock:
    cdef readonly uint32_t compact_ntp
    cdef int64_t _received_us
    cdef uint32_t delay_at(self, int64_t now_us) noexcept
