"""Declares what a transport opens its peer's packets with."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from miso.worker.rtp.ssrc_table cimport SsrcTable
from miso.worker.srtp.cipher cimport SessionKeys

cdef enum:
    MAX_RTCP_SSRCS = 32  # of one peer, that send RTCP and no RTP that is known
    RTCP_WINDOW = 128  # packets
    RTCP_WINDOW_WORDS = 2


cdef struct RtcpSender:
    uint32_t ssrc
    uint64_t turn  # when it was heard last, in packets


cdef struct HeardRtcp:  # of one SSRC
    uint32_t highest
    uint64_t seen[RTCP_WINDOW_WORDS]  # one bit for each index of the window, by index modulo its length: it came


cdef class Heard(SsrcTable):
    cdef void *keep(self, uint32_t ssrc, const void *value, size_t size) noexcept
    cdef void drop(self, uint32_t ssrc) noexcept


cdef class Incoming:
    cdef RtcpSender *_rtcp_senders  # that sent RTCP and no RTP that is known: so many; NULL before the first one
    cdef int _rtcp_count
    cdef uint64_t _rtcp_turn  # packets of theirs so far
    cdef bint unprotect(self, uint8_t *packet, int *size) noexcept
    cdef bint unprotect_rtcp(self, uint8_t *packet, int *size) noexcept
    cdef void forget(self, uint32_t ssrc) noexcept
    cdef void remember_rtcp(self, uint32_t ssrc, SsrcTable kept) noexcept


cdef class IncomingSrtp(Incoming):
    cdef SessionKeys _keys
    cdef SessionKeys _rtcp_keys
    cdef Heard _rtp  # SSRC → its UsedIndices
    cdef Heard _rtcp  # SSRC → its HeardRtcp
    cdef int _tag_size
    cdef int _rtcp_trailer_size
