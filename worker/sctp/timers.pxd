cimport cython

from miso.worker.sctp cimport enums


@cython.final
cdef class Timers:
    cdef long long _deadlines[enums.TIMER_COUNT]

    cpdef object start(self, int timer, long long deadline_us)

    cpdef object start_not_before(self, int timer, long long deadline_us)

    cpdef object stop(self, int timer)

    cpdef object stop_all(self)

    cpdef bint is_running(self, int timer)
