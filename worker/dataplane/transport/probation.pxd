"""Declares the stream of probation packets."""

from miso.worker.dataplane.plane cimport Plane
from miso.worker.dataplane.sockets.batch cimport Sender
from miso.worker.dataplane.transport.sending_half cimport SendingHalf
from miso.worker.srtp.outgoing cimport Protection

cdef enum:
    MAX_HEADER_SIZE = 48
    PROBATION_SSRC = 1234


cdef class ProbationStream(Sender):
    cdef readonly bint closed
    cdef SendingHalf _transport
    cdef Plane _plane
    cdef Protection _protection  # None without SRTP, or before the keys
    cdef unsigned char _header[MAX_HEADER_SIZE]  # of all packets, but for what ``send`` writes over it
    cdef int _header_size
    cdef int _abs_send_time_at  # offset in the header, 0: not sent; likewise below
    cdef int _transport_wide_cc_at
    cdef unsigned short _sequence_number  # of the last packet; likewise below
    cdef unsigned int _timestamp
    cdef unsigned short _transport_wide_number

    cdef bint is_ready(self) noexcept
    cdef int send(self, int size) noexcept
    cdef dict describe(self, int size)
    cdef void _write_header(self, int mid_id, int abs_send_time_id, int transport_wide_cc_id) noexcept
    cdef int _put_element(self, int extension_id, const unsigned char *value, int size) noexcept
