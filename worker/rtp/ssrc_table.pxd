"""Declares the table of SSRCs. The pointers are borrowed: who fills it keeps what they point to alive."""

from libc.stdint cimport uint32_t


cdef struct SsrcEntry:
    uint32_t ssrc
    void *value


cdef class SsrcTable:
    cdef SsrcEntry *_entries
    cdef uint32_t _mask
    cdef readonly uint32_t used
    cdef void *get(self, uint32_t ssrc) noexcept
    cdef int put(self, uint32_t ssrc, void *value) except -1
    cdef void remove(self, uint32_t ssrc) noexcept
    cdef void clear(self) noexcept
    cdef int _grow(self) except -1
