"""Declares the receivers' sockets for the load and the floor."""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t


cdef struct Counts:
    uint64_t received
    uint64_t missing
    uint64_t again
    uint16_t next  # the sequence number that is due


cdef enum:
    HEAD = 64  # bytes of each datagram that are looked at


cdef class Sinks:
    cdef readonly list addresses
    cdef readonly int capacity
    cdef readonly int streams
    cdef int count
    cdef list _sockets
    cdef bint _timed
    cdef int *_fds
    cdef uint32_t *_ssrcs
    cdef Counts *_counts
    cdef readonly unsigned long long received
    cdef readonly unsigned long long others
    cpdef int drain(self)
    cdef void take(self, int index, const unsigned char *head, int size, int64_t at_ns) noexcept
