# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""SSRC → pointer: a hash table of C with open addressing.

Linear probing, at most half full; a removal shifts the entries behind it back, so that the table never fills with
tombstones.
"""

import os

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from miso.worker.rtp.hashing cimport mix

cdef uint64_t SECRET = int.from_bytes(os.urandom(8), "little") | 1


cdef class SsrcTable:
    """SSRC → pointer."""

    def __dealloc__(self):
        free(self._entries)

    cdef void *get(self, uint32_t ssrc) noexcept:
        cdef uint32_t at
        if self.used == 0:
            return NULL
        at = <uint32_t>mix(ssrc, SECRET) & self._mask
        while self._entries[at].value != NULL:
            if self._entries[at].ssrc == ssrc:
                return self._entries[at].value
            at = (at + 1) & self._mask
        return NULL

    cdef int put(self, uint32_t ssrc, void *value) except -1:
        cdef uint32_t at
        if self._entries == NULL or 2 * (self.used + 1) > self._mask + 1:
            self._grow()
        at = <uint32_t>mix(ssrc, SECRET) & self._mask
        while self._entries[at].value != NULL:
            if self._entries[at].ssrc == ssrc:
                self._entries[at].value = value
                return 0
            at = (at + 1) & self._mask
        self._entries[at].ssrc = ssrc
        self._entries[at].value = value
        self.used += 1
        return 0

    cdef void remove(self, uint32_t ssrc) noexcept:
        cdef uint32_t at, hole, home
        if self.used == 0:
            return
        at = <uint32_t>mix(ssrc, SECRET) & self._mask
        while True:
            if self._entries[at].value == NULL:
                return
            if self._entries[at].ssrc == ssrc:
                break
            at = (at + 1) & self._mask
        self.used -= 1
        hole = at
        while True:
            at = (at + 1) & self._mask
            if self._entries[at].value == NULL:
                break
            home = <uint32_t>mix(self._entries[at].ssrc, SECRET) & self._mask
            if ((at - home) & self._mask) >= ((at - hole) & self._mask):
                self._entries[hole] = self._entries[at]
                hole = at
        self._entries[hole].value = NULL

    cdef void clear(self) noexcept:
        free(self._entries)
        self._entries = NULL
        self._mask = 0
        self.used = 0

    cdef int _grow(self) except -1:
        cdef SsrcEntry *old = self._entries
        cdef uint32_t size = 0 if old == NULL else self._mask + 1
        cdef uint32_t at
        cdef SsrcEntry *fresh = <SsrcEntry *>calloc(2 * size if size else 4, sizeof(SsrcEntry))
        if fresh == NULL:
            raise MemoryError
        self._entries = fresh
        self._mask = (2 * size if size else 4) - 1
        self.used = 0
        for at in range(size):
            if old[at].value != NULL:
                self.put(old[at].ssrc, old[at].value)
        free(old)
        return 0
