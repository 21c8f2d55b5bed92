cimport cython


@cython.final
cdef class ProbeResults:
    cdef readonly double bitrate_bps
    cdef readonly bint is_saturated
    cdef int _ids[8]
    cdef int _packets[8]
    cdef long long _bytes[8]
    cdef long long _first_sent_us[8]
    cdef long long _last_sent_us[8]
    cdef int _last_sent_size[8]
    cdef long long _first_arrival_us[8]
    cdef long long _last_arrival_us[8]
    cdef int _first_arrival_size[8]

    @cython.locals(place=int)
    cpdef void on_arrival(self, int cluster, int size, long long sent_us, long long arrival_us) noexcept

    @cython.locals(place=int, sent_us=cython.longlong, arrived_us=cython.longlong, sent_bps=double, arrived_bps=double)
    cpdef bint measure(self, int cluster, double tried_bps) noexcept
