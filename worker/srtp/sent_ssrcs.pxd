"""Declares which SSRCs are sent, and were sent, under one key."""

from libc.stdint cimport int64_t

from miso.worker.srtp.outgoing cimport Protection


cdef class SentSsrcs:
    cdef set _live  # those that senders have
    cdef dict _ended  # SSRC that a sender had, and sent with → the highest index
    cdef int claim(self, unsigned int ssrc) except -1
    cdef int release(self, unsigned int ssrc, Protection protection) except -1
    cdef int64_t highest(self, unsigned int ssrc) except -2
    cdef void begin_again(self) noexcept
