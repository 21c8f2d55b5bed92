"""Declares what a sender protects its packets with."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from miso.worker.srtp.cipher cimport SessionKeys, SrtpKeys, SrtpWork
from miso.worker.srtp.rollover cimport UsedIndices

cdef enum:
    MAX_SSRCS = 2  # of one sender: a stream has one, and one for its repairs
    REFUSED = 0


cdef class Protection:
    cdef const SrtpKeys *keys  # with which admitted packets are to be protected; NULL: they are when they are admitted
    cdef int _count  # of SSRCs
    cdef UsedIndices _sent[MAX_SSRCS]
    cdef int add(self, unsigned int ssrc, int64_t highest) except -1
    cdef const UsedIndices *sent_by(self, unsigned int ssrc) noexcept
    cdef int admit(self, uint8_t *packet, int size, bint is_repeat, SrtpWork *work) noexcept
    cdef int take(self, const uint8_t *packet, int size, bint is_repeat, uint64_t *index) noexcept


cdef class OutgoingSrtp(Protection):
    cdef SessionKeys _owner  # of the keys
