"""Declares the receivers' sockets for the load and the floor."""

from libc.stdint cimport uint32_t


cdef class Sinks:
    cdef readonly list addresses
    cdef readonly int capacity
    cdef int count
    cdef list _sockets
    cdef int *_fds
    cdef uint32_t *_ssrcs
    cdef readonly unsigned long long received
    cdef readonly unsigned long long others
    cpdef int drain(self)
