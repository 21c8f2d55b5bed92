"""Declares the reports of a transport."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from miso.worker.dataplane.producer.producer cimport ProducerPlane
from miso.worker.dataplane.reports.sent_report cimport SentReport
from miso.worker.dataplane.rounds cimport Turn
from miso.worker.dataplane.transport.sending_half cimport SendingHalf
from miso.worker.rtcp.compound_writer cimport BlockEntry
from miso.worker.rtcp.echo_clock cimport EchoClock


cdef class ReceivedReport:
    cdef readonly ProducerPlane producer
    cdef bint _is_reported  # it has been
    cdef int64_t _reported_us
    cdef int _interval_us


cdef class TransportReports(Turn):
    cdef readonly EchoClock reference_time
    cdef SendingHalf _transport
    cdef bint _is_direct  # packets are handed to control
    cdef uint32_t _random  # state of the generator that makes intervals vary
    cdef list _sent  # SentReports
    cdef list _received  # ReceivedReports
    cdef int64_t _now_us  # of this turn
    cdef uint64_t _ntp

    cdef void _add_sent(self, SentReport report) noexcept
    cdef void _add_received(self, ReceivedReport report) noexcept
    cdef void _add_blocks(self, const BlockEntry *blocks, int count) noexcept
    cdef void _send(self) noexcept
