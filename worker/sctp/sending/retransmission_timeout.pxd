cimport cython


@cython.final
cdef class RetransmissionTimeout:
    cdef public long long timeout_us
    cdef public long long probe_us
    cdef public long long srtt_us
    cdef long long _variance_us

    @cython.locals(timeout_us=cython.longlong)
    cpdef object on_round_trip(self, long long rtt_us)

    cpdef object back_off(self)
