cimport cython

from miso.worker.bwe cimport enums

cdef int _BURST_TICKS
cdef double _MS_PER_TICK
cdef int _MAX_BURST_GAP_US
cdef int _MAX_BURST_US
cdef double _MAX_DELTA_MS


@cython.final
cdef class InterArrival:
    cdef public double send_delta_ms
    cdef public double arrival_delta_ms
    cdef bint _has_send
    cdef unsigned int _last_send
    cdef long long _send_ticks
    cdef bint _has_group
    cdef long long _first_send
    cdef long long _group_send
    cdef long long _first_arrival_us
    cdef long long _group_arrival_us
    cdef bint _has_previous
    cdef long long _previous_send
    cdef long long _previous_arrival_us

    @cython.locals(send=cython.longlong, step=int, completed=bint)
    cpdef bint on_packet(self, unsigned int abs_send_time, long long arrival_us) noexcept

    @cython.locals(step=int)
    cdef long long _unwrap(self, unsigned int abs_send_time) noexcept

    @cython.locals(propagation_us=cython.longlong, arrival_delta_us=cython.longlong)
    cdef bint _belongs_to_group(self, long long send, long long arrival_us) noexcept

    cdef bint _complete_group(self) noexcept

    cpdef void reset(self) noexcept
