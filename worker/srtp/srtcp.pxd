"""Declares what a transport protects its RTCP with."""

from libc.stdint cimport uint8_t, uint32_t

from miso.worker.srtp.cipher cimport SessionKeys


cdef class OutgoingRtcp:
    cdef bint protect_rtcp(self, uint8_t *packet, int *size) noexcept


cdef class OutgoingSrtcp(OutgoingRtcp):
    cdef SessionKeys _keys
    cdef uint32_t _index  # of the packet before
