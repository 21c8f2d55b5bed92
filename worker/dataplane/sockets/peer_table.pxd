"""Declares the table of remote addresses. The pointers are borrowed: who fills it keeps what they point to alive."""

from libc.stdint cimport uint32_t, uint64_t


cdef struct PeerKey:  # an IPv6 address (IPv4 as v4-mapped) and a port, as they stand in the packet
    uint64_t high
    uint64_t low
    uint32_t port


cdef struct PeerEntry:
    PeerKey key
    void *value


cdef class PeerTable:
    cdef PeerEntry *_entries
    cdef uint32_t _mask
    cdef uint32_t _used
    cdef void *get(self, const PeerKey *key) noexcept
    cdef int put(self, const PeerKey *key, void *value) except -1
    cdef void remove(self, const PeerKey *key) noexcept
    cdef int _grow(self) except -1
