"""Declares the reports of a transport."""

from libc.stdint cimport int64_t, uint64_t

from miso.worker.dataplane.producer.producer cimport ProducerPlane
from miso.worker.dataplane.reports.sent_report cimport SentReport
from miso.worker.dataplane.transport.sending_half cimport SendingHalf
from miso.worker.rtcp.compound_writer cimport BlockEntry
from miso.worker.rtcp.echo_clock cimport EchoClock


cdef class ReceivedReport:
    cdef readonly ProducerPlane producer
    cdef bint _is_reported  # it has been
    cdef int64_t _reported_us
    cdef int _interval_us


cdef class TransportReports:
    cdef readonly EchoClock reference_time
    cdef SendingHalf _transport
    cdef bint _is_direct  # packets are handed to control
    cdef list _sent  # SentReports
    cdef list _received  # ReceivedReports
    cdef int64_t _now_us  # of this turn
    cdef uint64_t _ntp
    cdef list _delivered  # packets of this turn that control is to hand on; None when there are none

    cdef int turn(self, int64_t now_us, uint64_t ntp) except -1
    cdef int _add_sent(self, SentReport report) except -1
    cdef int _add_received(self, ReceivedReport report) except -1
    cdef int _add_blocks(self, const BlockEntry *blocks, int count) except -1
    cdef int _send(self) except -1
