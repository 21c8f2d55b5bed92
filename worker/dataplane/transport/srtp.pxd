"""Declares the libsrtp calls that the plane makes without a Python object."""

from libc.stdint cimport int64_t

from miso.worker.dataplane.transport.ssrc_table cimport SsrcTable
from miso.worker.srtp.cipher cimport SrtpWork
from miso.worker.srtp.outgoing cimport Protection

cdef enum:
    MAX_RTCP_SSRCS = 32  # of one session that send RTCP and no RTP that is known


cdef struct RtcpSender:
    unsigned int ssrc
    unsigned long long turn  # when it was heard last, in packets


cdef class SrtpSession:
    cdef void *_handle  # libsrtp's
    cdef RtcpSender *_rtcp_senders  # that sent RTCP and no RTP that is known: so many; NULL before the first one
    cdef int _rtcp_count
    cdef unsigned long long _rtcp_turn  # packets of theirs so far
    cdef int protect(self, unsigned char *packet, int *size) noexcept
    cdef int unprotect(self, unsigned char *packet, int *size) noexcept
    cdef int protect_rtcp(self, unsigned char *packet, int *size) noexcept
    cdef int unprotect_rtcp(self, unsigned char *packet, int *size) noexcept
    cdef void remember_rtcp(self, unsigned int ssrc, SsrcTable kept) noexcept
    cdef void forget(self, unsigned int ssrc) noexcept


cdef class LibsrtpProtection(Protection):
    cdef SrtpSession _session
    cdef void _wind_to(self, unsigned int ssrc, int64_t highest) noexcept
