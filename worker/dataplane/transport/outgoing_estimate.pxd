"""Declares the outgoing estimate with its probation packets."""

from miso.worker.bwe.send_side cimport SendSideEstimator
from miso.worker.dataplane.transport.srtp cimport SrtpSession
from miso.worker.dataplane.sockets.batch cimport Sender
from miso.worker.dataplane.transport.sending_half cimport SendingHalf


cdef class OutgoingEstimate(Sender):
    cdef public object owner
    cdef public bint trace_probation
    cdef readonly bint closed
    cdef SendingHalf _transport
    cdef SrtpSession _session
    cdef SendSideEstimator _estimator
    cdef unsigned char _header[48]
    cdef int _header_size
    cdef int _abs_send_time_at, _transport_wide_cc_at  # offsets in the header, 0: none
    cdef unsigned short _sequence_number
    cdef unsigned int _timestamp

    cdef void _write_header(self, int mid_id, int abs_send_time_id, int transport_wide_cc_id) noexcept
    cdef int _send_one(self, int size) noexcept
    cdef void _trace(self, int size, unsigned short transport_wide_number) noexcept
