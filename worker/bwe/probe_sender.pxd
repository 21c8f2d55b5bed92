cimport cython


@cython.final
cdef class ProbeSender:
    cdef readonly int cluster
    cdef readonly double bitrate_bps
    cdef int _last_id
    cdef double _rates[4]
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
