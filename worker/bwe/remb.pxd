cimport cython
from miso.worker.bwe cimport enums
from miso.worker.bwe.inter_arrival cimport InterArrival
from miso.worker.bwe.rate_control cimport RateControl
from miso.worker.bwe.trendline cimport TrendlineDetector
from miso.worker.rtp.rate cimport RateCalculator

cdef int _PAUSE_US
cdef int _WINDOW_US
cdef int _UPDATE_US
cdef int _MIN_WINDOW_US
cdef int _REPORT_US
cdef int _FALL_PERCENT


@cython.final
cdef class RemoteBitrateEstimator:
    cdef public long long max_bitrate_bps
    cdef InterArrival _inter_arrival
    cdef TrendlineDetector _detector
    cdef RateControl _control
    cdef RateCalculator _incoming
    cdef long long _first_us
    cdef long long _last_packet_us
    cdef long long _last_update_us
    cdef long long _last_report_us
    cdef long long _last_report_bps

    @cython.locals(state=int, previous=int)
    cpdef void on_packet(self, unsigned int abs_send_time, long long arrival_us, Py_ssize_t size) noexcept

    @cython.locals(window_us=cython.longlong, incoming=double)
    cdef void _update(self, int state, long long now_us) noexcept

    @cython.locals(estimate=cython.longlong)
    cpdef long long estimate_bps(self) noexcept

    @cython.locals(estimate=cython.longlong)
    cpdef long long poll(self, long long now_us) noexcept

    cpdef void set_rtt(self, double rtt_ms) noexcept
