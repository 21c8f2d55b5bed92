"""Declares a desired bitrate that falls slowly, for what limits the estimate by it."""

from libc.stdint cimport int64_t


cdef class DesiredTrend:
    cdef readonly int64_t bitrate_bps
    cdef int64_t _highest_bps
    cdef int64_t _highest_us
    cpdef void update(self, int64_t bitrate_bps, int64_t now_us, bint force) noexcept
