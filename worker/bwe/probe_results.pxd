cimport cython

from miso.worker.bwe cimport enums

cdef double _CLUSTER_S
cdef int _MIN_ARRIVALS
cdef double _ENOUGH
cdef int _MAX_SPREAD_US
cdef double _BITS_US
cdef double _BUNCHED
cdef double _SATURATED
cdef double _STRETCHED
cdef double _OF_CAPACITY


@cython.final
cdef class ProbeResults:
    cdef readonly double bitrate_bps
    cdef readonly bint is_saturated
    cdef int _ids[enums.CLUSTERS]
    cdef int _packets[enums.CLUSTERS]
    cdef long long _bytes[enums.CLUSTERS]
    cdef long long _first_sent_us[enums.CLUSTERS]
    cdef long long _last_sent_us[enums.CLUSTERS]
    cdef int _last_sent_size[enums.CLUSTERS]
    cdef long long _first_arrival_us[enums.CLUSTERS]
    cdef long long _last_arrival_us[enums.CLUSTERS]
    cdef int _first_arrival_size[enums.CLUSTERS]

    @cython.locals(place=int)
    cpdef void on_arrival(self, int cluster, int size, long long sent_us, long long arrival_us) noexcept

    @cython.locals(place=int, is_stretched=bint, sent_us=cython.longlong, arrived_us=cython.longlong, sent_bps=double, arrived_bps=double)
    cpdef bint measure(self, int cluster, double tried_bps) noexcept
