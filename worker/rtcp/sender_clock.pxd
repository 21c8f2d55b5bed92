"""Declares the wall clocks of senders, for what reckons with them."""

from libc.stdint cimport int64_t, uint64_t


cdef class SenderClock:
    cdef readonly int setting
    cdef readonly int64_t ahead
    cdef int64_t _previous  # the greatest difference of two windows, this and the next
    cdef int64_t _present
    cdef uint64_t _window_began
    cdef object __weakref__


cdef class CaptureClock:
    cdef SenderClock _sender
    cdef int _setting
    cdef bint holds(self) noexcept
    cdef int64_t elapsed(self, uint64_t reported_ntp, uint64_t our_ntp) noexcept
