cimport cython

cdef unsigned int _MODULO
cdef unsigned int _HALF


@cython.final
cdef class TimestampMapper:
    cdef public unsigned int clock_rate
    cdef public unsigned int max_output
    cdef public long long max_output_us
    cdef bint _started
    cdef unsigned int _offset

    @cython.locals(elapsed_us=cython.longlong, ticks=cython.longlong)
    cpdef void sync(self, unsigned int next_input, long long now_us) noexcept

    @cython.locals(output=cython.uint)
    cpdef unsigned int map(self, unsigned int timestamp, long long now_us) noexcept

    @cython.locals(elapsed_us=cython.longlong)
    cpdef unsigned int at(self, long long now_us) noexcept

    cpdef unsigned int offset(self) noexcept
