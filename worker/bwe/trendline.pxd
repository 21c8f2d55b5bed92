cimport cython

from miso.worker.bwe cimport enums

cdef int _WINDOW
cdef double _SMOOTHING
cdef double _GAIN
cdef int _MAX_GAIN_GROUPS
cdef double _MIN_OVERUSE_MS
cdef double _FIRST_THRESHOLD_MS
cdef double _MIN_THRESHOLD_MS
cdef double _MAX_THRESHOLD_MS
cdef double _MAX_STEP_MS
cdef double _RISE
cdef double _FALL
cdef int _MAX_COUNT
cdef double _MAX_ADAPTION_MS


@cython.final
cdef class TrendlineDetector:
    cdef public int state
    cdef public double threshold_ms
    cdef int _delta_count
    cdef double _accumulated_ms
    cdef double _smoothed_ms
    cdef double _clock_ms
    cdef double _times_ms[20]
    cdef double _delays_ms[20]
    cdef int _used
    cdef int _next
    cdef double _previous_trend
    cdef double _overusing_ms
    cdef int _overuse_count

    @cython.locals(difference_ms=double, trend=double)
    cpdef int on_group(self, double arrival_delta_ms, double send_delta_ms) noexcept

    @cython.locals(mean_time=double, mean_delay=double, numerator=double, denominator=double, position=int)
    cdef double _slope(self) noexcept

    @cython.locals(modified=double)
    cdef void _detect(self, double trend, double delta_ms) noexcept

    @cython.locals(magnitude=double, gain=double)
    cdef void _adapt_threshold(self, double modified, double delta_ms) noexcept

    cpdef void reset(self) noexcept
