"""Declares who reads the RTCP of a transport's peer."""

from libc.stdint cimport int64_t

from miso.worker.dataplane.transport.receiving_half cimport ReceivingHalf
from miso.worker.dataplane.transport.sending_half cimport SendingHalf


cdef class IncomingRtcp:
    cdef bint takes_remb  # whether control is to hear of REMB
    cdef unsigned long long _malformed  # members so far
    cdef int64_t _told_us  # when control heard of one last, 0: never
    cdef unsigned long long _news_wakeup  # of the plane, when control heard of the estimate last

    cdef void read(self, SendingHalf sending, ReceivingHalf receiving, const unsigned char *data, int size) noexcept
    cdef void _act(
        self, int kind, SendingHalf sending, ReceivingHalf receiving, const unsigned char *data, int size
    ) noexcept
    cdef void _take_blocks(self, SendingHalf sending, const unsigned char *data) noexcept
    cdef void _take_extended_report(
        self, SendingHalf sending, ReceivingHalf receiving, const unsigned char *data
    ) noexcept
    cdef void _take_nack(self, SendingHalf sending) noexcept
    cdef void _take_fir(self, SendingHalf sending, const unsigned char *data) noexcept
    cdef void _take_transport_wide(self, SendingHalf sending, const unsigned char *data) noexcept
    cdef bint _is_to_be_told(self, int64_t now_us) noexcept
