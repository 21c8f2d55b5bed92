"""Declares the estimate of what the way to a transport's peer carries."""

from libc.stdint cimport int64_t, uint64_t

from miso.worker.bwe.send_side cimport SendSideEstimator
from miso.worker.dataplane.rounds cimport Turn
from miso.worker.dataplane.transport.probation cimport ProbationStream
from miso.worker.dataplane.transport.sending_half cimport SendingHalf


cdef class OutgoingEstimate(Turn):
    cdef public object owner
    cdef public bint trace_probation
    cdef readonly bint closed
    cdef SendingHalf _transport
    cdef SendSideEstimator _estimator  # which the transport tells what it sends
    cdef ProbationStream _probation

    cdef int64_t bitrate(self) noexcept
    cpdef bint wants_probation(self) noexcept
    cpdef void tell_outside(self, double low_bps, double high_bps) noexcept
    cpdef void set_limits(
        self, double min_bitrate_bps, double max_bitrate_bps, bint probing, long long now_us
    ) noexcept
    cpdef void on_tick(self, long long now_us) noexcept
