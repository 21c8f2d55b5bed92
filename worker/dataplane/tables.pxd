"""C hash tables with open addressing: remote address → pointer, SSRC → pointer.

The pointers are borrowed: who fills a table keeps what it points to alive.
"""

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
