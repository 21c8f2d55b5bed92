# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Remote address → pointer: a hash table of C with open addressing.

Linear probing, at most half full; a removal shifts the entries behind it back, so that the table never fills with
tombstones.
"""

import os

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from miso.worker.rtp.hashing cimport mix

cdef uint64_t SECRET = int.from_bytes(os.urandom(8), "little") | 1


cdef inline uint32_t _hash_peer(const PeerKey *key) noexcept:
    return <uint32_t>mix(key.high + mix(key.low + key.port, SECRET), SECRET)


cdef inline bint _same(const PeerKey *a, const PeerKey *b) noexcept:
    return a.low == b.low and a.port == b.port and a.high == b.high


cdef class PeerTable:
    """Remote address → pointer."""

    def __dealloc__(self):
        free(self._entries)

    cdef void *get(self, const PeerKey *key) noexcept:
        cdef uint32_t at
        if self._used == 0:
            return NULL
        at = _hash_peer(key) & self._mask
        while self._entries[at].value != NULL:
            if _same(&self._entries[at].key, key):
                return self._entries[at].value
            at = (at + 1) & self._mask
        return NULL

    cdef int put(self, const PeerKey *key, void *value) except -1:
        cdef uint32_t at
        if self._entries == NULL or 2 * (self._used + 1) > self._mask + 1:
            self._grow()
        at = _hash_peer(key) & self._mask
        while self._entries[at].value != NULL:
            if _same(&self._entries[at].key, key):
                self._entries[at].value = value
                return 0
            at = (at + 1) & self._mask
        self._entries[at].key = key[0]
        self._entries[at].value = value
        self._used += 1
        return 0

    cdef void remove(self, const PeerKey *key) noexcept:
        cdef uint32_t at, hole, home
        if self._used == 0:
            return
        at = _hash_peer(key) & self._mask
        while True:
            if self._entries[at].value == NULL:
                return
            if _same(&self._entries[at].key, key):
                break
            at = (at + 1) & self._mask
        self._used -= 1
        hole = at
        while True:
            at = (at + 1) & self._mask
            if self._entries[at].value == NULL:
                break
            home = _hash_peer(&self._entries[at].key) & self._mask
            if ((at - home) & self._mask) >= ((at - hole) & self._mask):
                self._entries[hole] = self._entries[at]
                hole = at
        self._entries[hole].value = NULL

    cdef int _grow(self) except -1:
        cdef PeerEntry *old = self._entries
        cdef uint32_t size = 0 if old == NULL else self._mask + 1
        cdef uint32_t at
        cdef PeerEntry *fresh = <PeerEntry *>calloc(2 * size if size else 8, sizeof(PeerEntry))
        if fresh == NULL:
            raise MemoryError
        self._entries = fresh
        self._mask = (2 * size if size else 8) - 1
        self._used = 0
        for at in range(size):
            if old[at].value != NULL:
                self.put(&old[at].key, old[at].value)
        free(old)
        return 0
