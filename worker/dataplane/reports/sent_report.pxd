"""Declares what the receiver of a stream is told of it, for the transport that tells."""

from libc.stdint cimport int64_t, uint64_t

from miso.worker.dataplane.consumer.consumer cimport ConsumerPlane
from miso.worker.dataplane.producer.receive_stream cimport ReceiveStream
from miso.worker.rtcp.compound_writer cimport SenderEntry


cdef class SentReport:
    cdef readonly ConsumerPlane stream
    cdef bytes _cname
    cdef uint64_t _reported_packets  # as the last report told
    cdef int64_t _reported_us  # when that was, valid when there was one
    cdef int _clock_rate
    cdef int _interval_us

    cdef bint is_due(self, int64_t now_us) noexcept
    cdef bint describe(self, int64_t now_us, uint64_t ntp, SenderEntry *entry) noexcept
    cdef ReceiveStream _source(self) noexcept
    cdef bint _captured_at(self, ReceiveStream source, int64_t now_us, uint64_t ntp, unsigned int *timestamp) noexcept
