cimport cython


@cython.final
cdef class LossControl:
    cdef public double limit_bps
    cdef readonly double fraction_lost
    cdef long long _lost
    cdef long long _total
    cdef long long _last_update_us

    @cython.locals(elapsed_us=cython.longlong, elapsed_s=double)
    cpdef void on_results(self, int lost, int total, double estimate_bps, double floor_bps, double rtt_ms, long long now_us) noexcept

    cpdef void raise_to(self, double bitrate_bps) noexcept

    cpdef void forget_above(self, double bitrate_bps) noexcept
