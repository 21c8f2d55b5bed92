cimport cython

from miso.worker.bwe cimport enums

cdef double _CLUSTER_S
cdef int _MIN_PACKETS
cdef int _MIN_TRAIN_US
cdef int _TIMEOUT_US
cdef double _PACKET_S
cdef int _MIN_SIZE
cdef int _MAX_SIZE
cdef double _BYTES_PER_BIT
cdef double _BITS_US


@cython.final
cdef class ProbeSender:
    cdef readonly int cluster
    cdef readonly double bitrate_bps
    cdef int _last_id
    cdef double _rates[enums.MAX_WAITING]
    cdef int _waiting
    cdef long long _first_us
    cdef long long _began_us
    cdef long long _sent_bytes
    cdef int _sent_packets

    cpdef void add(self, double bitrate_bps, long long now_us) noexcept

    cpdef void clear(self) noexcept

    cpdef void on_sent(self, int size, long long now_us) noexcept

    @cython.locals(size=int)
    cpdef int due(self, long long now_us) noexcept

    cpdef long long next_us(self) noexcept

    cdef void _begin(self, double bitrate_bps, long long now_us) noexcept

    @cython.locals(rate=double, index=int)
    cdef void _next(self, long long now_us) noexcept
