cimport cython

from miso.worker.bwe cimport enums

cdef long long _WRAP
cdef int _MAX_BACK
cdef int _MAX_FORTH
cdef int _MAX_REORDERED_US
cdef long long _BEGIN_US


@cython.final
cdef class ReceiverClock:
    cdef readonly long long newest_us
    cdef readonly bint has_jumped
    cdef long long _last_tick
    cdef long long _us

    @cython.locals(step=cython.longlong)
    cdef long long take(self, long long tick) noexcept
