"""Declares whose packets a transport's are, for the producers that receive from it."""

from miso.worker.dataplane.plane cimport Plane
from miso.worker.dataplane.transport.bandwidth_feedback cimport BandwidthFeedback
from miso.worker.dataplane.transport.unknown_ssrcs cimport UnknownSsrcs
from miso.worker.rtp.packet cimport RtpHeader
from miso.worker.rtp.ssrc_table cimport SsrcTable
from miso.worker.srtp.incoming cimport Incoming


cdef class ReceivingHalf:
    cdef Plane plane
    cdef Incoming inbound  # None: no SRTP, or not yet
    cdef SsrcTable streams  # each RTP and RTX SSRC → its ReceiveStream
    cdef UnknownSsrcs unknown
    cdef BandwidthFeedback feedback
    cdef set producers  # closed with the transport

    cdef int add_stream(self, unsigned int ssrc, object stream) except -1
    cdef void remove_stream(self, unsigned int ssrc, object stream) noexcept
    cdef void forget_stranger(self, unsigned int ssrc) noexcept
    cdef void ignore(self, unsigned int ssrc) noexcept
    cdef int attach(self, object producer) except -1
    cdef void detach(self, object producer) noexcept
    cdef dict describe_extensions(self, RtpHeader header, const unsigned char *data)
