"""Declares what a sender protects its packets with."""

from libc.stdint cimport uint8_t, uint64_t

from miso.worker.srtp.cipher cimport OutgoingKeys, SrtpKeys, SrtpWork

cdef enum:
    MAX_SSRCS = 4  # of one sender: a stream has one, and one for its repairs
    REFUSED = 0


cdef class Protection:
    cdef const SrtpKeys *keys  # with which admitted packets are to be protected; NULL: they are when they are admitted
    cdef int admit(self, uint8_t *packet, int size, SrtpWork *work) noexcept


cdef class OutgoingSrtp(Protection):
    cdef OutgoingKeys _owner  # of the keys
    cdef int _count  # of SSRCs
    cdef unsigned int _ssrcs[MAX_SSRCS]
    cdef uint64_t _highest[MAX_SSRCS]  # index of each, 0 before its first packet
    cdef uint64_t *_highest_of(self, unsigned int ssrc) noexcept
