cimport cython

from miso.worker.sctp.sending.sent_chunk cimport SentChunk


@cython.final
cdef class RoundTripSample:
    cdef long long _tsn
    cdef long long _sent_us

    cdef bint is_running(self) noexcept

    cdef void start(self, long long tsn, long long now_us) noexcept

    cdef void forget(self, SentChunk chunk) noexcept

    cdef void stop(self) noexcept

    cdef void stop_before(self, long long cumulative) noexcept

    cdef long long take(self, SentChunk chunk, long long now_us) noexcept
