cimport cython

cdef unsigned int _MODULO
cdef unsigned int _HALF


cpdef bint is_newer32(unsigned int a, unsigned int b) noexcept


@cython.final
cdef class SequenceMapper:
    cdef public unsigned short max_output
    cdef public unsigned short max_input
    cdef bint _started
    cdef unsigned short _offset
    cdef int _history
    cdef int _mask
    cdef int _half
    cdef int _max_history
    cdef unsigned int _dropped[32]

    cpdef void sync(self, unsigned short next_input) noexcept

    @cython.locals(step=int, output=int)
    cpdef int drop(self, unsigned short sequence_number) noexcept

    @cython.locals(step=int, output=int)
    cpdef int map(self, unsigned short sequence_number) noexcept

    @cython.locals(age=int)
    cdef int _late_output(self, unsigned short sequence_number) noexcept

    @cython.locals(position=int)
    cdef void _advance(self, unsigned short sequence_number, int step) noexcept

    cdef void _clear(self, unsigned int position) noexcept

    @cython.locals(position=int, count=int)
    cdef int _count_dropped(self, unsigned short after, int age) noexcept
