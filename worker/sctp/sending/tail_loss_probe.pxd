cimport cython


@cython.final
cdef class TailLossProbe:
    cdef public int count
    cdef public long long end
    cdef long long _sent_us
    cdef long long _round_trip_us

    cdef void begin(self, long long now_us, long long round_trip_us) noexcept

    @cython.locals(quarter_us=cython.longlong)
    cdef bint is_answered(self, bint was_repeated, long long now_us) noexcept

    cdef bint is_overtaken(self, long long sent_us) noexcept
