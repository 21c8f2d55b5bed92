"""Declares the estimate of what the way to a transport's peer carries."""

from miso.worker.bwe.send_side cimport SendSideEstimator
from miso.worker.dataplane.transport.probation cimport ProbationStream
from miso.worker.dataplane.transport.sending_half cimport SendingHalf


cdef class OutgoingEstimate:
    cdef public object owner
    cdef public bint trace_probation
    cdef readonly bint closed
    cdef SendingHalf _transport
    cdef SendSideEstimator _estimator  # which the transport tells what it sends
    cdef ProbationStream _probation
