cimport cython

from miso.worker.bwe cimport enums

cdef double _DECREASE
cdef double _GROWTH_PER_S
cdef double _MAX_ABOVE_INCOMING
cdef double _RESPONSE_MS
cdef double _MAX_STEP_S
cdef double _START_LIMIT
cdef double _HEADROOM_BPS
cdef double _MIN_GROWTH_BPS
cdef double _MIN_ADDITION_BPS
cdef double _FRAMES_PER_S
cdef double _PACKET_BITS
cdef double _DEVIATIONS
cdef double _LEARNING
cdef double _FIRST_DEVIATION
cdef double _MIN_DEVIATION
cdef double _MAX_DEVIATION


@cython.final
cdef class RateControl:
    cdef public double bitrate_bps
    cdef public double min_bitrate_bps
    cdef public double rtt_ms
    cdef public bint is_starting
    cdef bint _holding
    cdef long long _last_update_us
    cdef long long _last_decrease_us
    cdef double _link_bps
    cdef double _link_deviation

    @cython.locals(elapsed_s=double)
    cpdef void update(self, int state, double incoming_bps, long long now_us) noexcept

    @cython.locals(target=double)
    cdef void _decrease(self, double incoming_bps, long long now_us) noexcept

    @cython.locals(limit=double)
    cdef void _increase(self, double incoming_bps, double elapsed_s) noexcept

    @cython.locals(frame_bits=double, packets=double, packet_bits=double)
    cdef double _additive_step(self, double elapsed_s) noexcept

    @cython.locals(error=double)
    cdef void _learn_link(self, double incoming_bps) noexcept
