cimport cython

cdef unsigned int _MODULO
cdef unsigned int _HALF


@cython.locals(seconds=cython.longlong, fraction=cython.longlong, elapsed=cython.longlong)
cpdef unsigned int clock_offset(unsigned long long ntp, unsigned int timestamp, unsigned long long reference_ntp, unsigned int reference_timestamp, unsigned int clock_rate) noexcept


@cython.final
cdef class TimestampMapper:
    cdef public unsigned int clock_rate
    cdef public unsigned int max_output
    cdef public long long max_output_us
    cdef bint _started
    cdef unsigned int _offset
    cdef bint _refused

    @cython.locals(elapsed_us=cython.longlong, ticks=cython.longlong)
    cpdef void sync(self, unsigned int next_input, long long now_us) noexcept

    @cython.locals(elapsed_us=cython.longlong, ahead=cython.uint, limit=cython.longlong)
    cpdef void resume(self, unsigned int next_input, long long now_us) noexcept

    @cython.locals(offset=cython.uint, output=cython.uint, extra=cython.ulonglong)
    cpdef bint switch(self, unsigned int next_input, unsigned int source_offset) noexcept

    @cython.locals(output=cython.uint)
    cpdef unsigned int map(self, unsigned int timestamp, long long now_us) noexcept

    @cython.locals(elapsed_us=cython.longlong)
    cpdef unsigned int at(self, long long now_us) noexcept

    cpdef unsigned int offset(self) noexcept
