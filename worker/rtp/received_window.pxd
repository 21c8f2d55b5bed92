cimport cython

cdef int _SIZE
cdef int _PLACE
cdef int _WORDS


@cython.final
cdef class ReceivedWindow:
    cdef readonly bint is_empty
    cdef readonly unsigned short newest
    cdef unsigned long long _bits[32]

    cpdef void clear(self) noexcept

    @cython.locals(step=int, word=int, ahead=int, place=int, bit=cython.ulonglong)
    cpdef bint add(self, unsigned short sequence_number) noexcept

    @cython.locals(place=int)
    cpdef bint has(self, unsigned short sequence_number) noexcept
