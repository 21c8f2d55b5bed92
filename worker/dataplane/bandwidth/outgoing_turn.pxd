"""Declares the look at what may be sent to a receiver that each transport takes about once a second."""

from libc.stdint cimport int64_t, uint64_t

from miso.worker.dataplane.bandwidth.desired_trend cimport DesiredTrend
from miso.worker.dataplane.consumer.consumer cimport ConsumerPlane
from miso.worker.dataplane.rounds cimport Turn
from miso.worker.dataplane.transport.outgoing_estimate cimport OutgoingEstimate
from miso.worker.dataplane.transport.sending_half cimport SendingHalf


cdef class WholeStream:
    cdef readonly ConsumerPlane consumer
    cdef int64_t _max_bps  # as was negotiated: it may want so much; 0: what comes
    cdef int64_t desired_bps(self, int64_t now_us) noexcept


cdef class OutgoingTurn(Turn):
    cdef public object owner
    cdef public OutgoingEstimate estimate
    cdef public int64_t min_bps
    cdef public int64_t max_bps
    cdef public int64_t remb_bps
    cdef public bint connected
    cdef public bint asks_control
    cdef readonly int64_t desired_bps
    cdef readonly int64_t limit_bps
    cdef readonly int64_t told_bps
    cdef readonly DesiredTrend trend
    cdef SendingHalf _transport
    cdef int64_t _initial_bps
    cdef int64_t _told_us  # when the second began after which it is looked at again
    cdef list _whole  # WholeStreams

    cdef int64_t _lowest_bps(self) noexcept
    cdef int64_t _available_bps(self) noexcept
    cdef int64_t _desired_bps(self, int64_t now_us) noexcept
    cdef void _take_desired(self, int64_t desired_bps, int64_t now_us, bint force) noexcept
    cdef void _apply_limits(self, int64_t now_us) noexcept
    cdef void _keep_told(self) noexcept
