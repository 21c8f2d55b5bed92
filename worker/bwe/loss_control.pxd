cimport cython

cdef double _LOW_LOSS
cdef double _HIGH_LOSS
cdef int _MIN_PACKETS
cdef int _INTERVAL_US
cdef double _RESPONSE_MS
cdef double _GROWTH_PER_S
cdef double _MIN_GROWTH_BPS
cdef double _DECREASE
cdef double _FAR_ABOVE


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
