"""Declares what a sender's congestion control is told about ten times a second."""

from libc.stdint cimport int64_t, uint64_t

from miso.worker.dataplane.rounds cimport Turn
from miso.worker.dataplane.transport.transport cimport TransportPlane

cdef enum:
    LOSSES = 24  # feedback packets that make the loss that is shown


cdef class IncomingTurn(Turn):
    cdef public object owner
    cdef public int64_t limit_due_us
    cdef TransportPlane _transport
    cdef bint _is_direct  # packets are handed to control
    cdef double _losses[LOSSES]  # a ring, 0.0 to 1.0
    cdef int _loss_count  # ever
    cdef int64_t _seen_bytes  # of the sender's media, when it was last seen to come
    cdef int64_t _seen_us

    cdef void _tell_arrivals(self, int64_t now_us) noexcept
    cdef void _send(self, bytes packet) noexcept
