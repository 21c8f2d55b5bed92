cimport cython
from miso.worker.rtp cimport enums


@cython.final
cdef class RateCalculator:
    cdef public long long packets
    cdef public long long bytes
    # What each packet needs comes first: consumers fetch so much into the cache ahead (``consumer/prefetch.pxd``).
    cdef long long _until_us
    cdef long long _total
    cdef int _current
    cdef int _bucket_us
    cdef long long _newest
    cdef int _buckets[enums.RATE_BUCKETS]

    cpdef void update(self, Py_ssize_t size, long long now_us) noexcept

    cpdef void take_back(self, Py_ssize_t size, long long now_us) noexcept

    cpdef long long bitrate(self, long long now_us) noexcept

    @cython.locals(bucket=cython.longlong, position=int)
    cdef void _advance(self, long long now_us) noexcept
