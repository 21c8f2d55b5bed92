cimport cython

from miso.worker.bwe cimport enums

cdef double _ENOUGH
cdef int _INTERVAL_US
cdef int _RETRY_US
cdef int _MAX_RETRIES
cdef int _AFTER_OVERUSE_US
cdef double _COLLAPSE
cdef int _RECOVERY_US
cdef double _FIRST
cdef double _SECOND
cdef double _NEXT
cdef double _FURTHER_ABOVE
cdef double _FALLEN
cdef double _BACK_TO


@cython.final
cdef class ProbeControl:
    cdef readonly double max_bitrate_bps
    cdef readonly bint is_started
    cdef double _next_bps
    cdef double _second_bps
    cdef double _further_above_bps
    cdef long long _last_probe_us
    cdef int _unanswered
    cdef long long _last_overuse_us
    cdef double _before_drop_bps
    cdef long long _drop_us
    cdef long long _last_recovery_us
    cdef bint _overusing

    cpdef void start(self, double max_bitrate_bps, double estimate_bps, long long now_us) noexcept

    @cython.locals(grown=bint)
    cpdef void set_max(self, double bitrate_bps, double estimate_bps, long long now_us) noexcept

    cpdef void on_result(self, double bitrate_bps, long long now_us) noexcept

    cpdef void on_state(self, int state, double before_bps, double estimate_bps, long long now_us) noexcept

    cdef void _recover(self, double estimate_bps, long long now_us) noexcept

    @cython.locals(interval_us=int)
    cpdef void on_time(self, double estimate_bps, long long now_us) noexcept

    @cython.locals(rate=double)
    cpdef double take(self) noexcept

    cdef void _begin(self, double bitrate_bps, long long now_us) noexcept
