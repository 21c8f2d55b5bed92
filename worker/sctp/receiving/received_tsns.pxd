cimport cython

from miso.worker.sctp cimport enums


@cython.final
cdef class ReceivedTsns:
    cdef public long long cumulative
    cdef public long long highest
    cdef unsigned long long _words[enums.TSN_WORDS]
    cdef list _duplicates

    @cython.locals(step=cython.longlong)
    cpdef long long unwrap(self, unsigned int tsn) noexcept

    cpdef int look_up(self, long long tsn) noexcept

    @cython.locals(mask=cython.ulonglong)
    cpdef void add(self, long long tsn) noexcept

    cpdef object add_duplicate(self, unsigned int tsn)

    cpdef list take_duplicates(self)

    @cython.locals(position=cython.longlong, last=cython.longlong)
    cpdef list forward(self, long long tsn)

    @cython.locals(position=cython.longlong, first=cython.longlong, count=int)
    cpdef list gap_blocks(self, int limit)

    cdef void _take_in(self) noexcept

    cdef bint _begins_empty_word(self, long long tsn) noexcept

    cdef bint _has(self, long long tsn) noexcept

    @cython.locals(mask=cython.ulonglong)
    cdef void _clear(self, long long tsn) noexcept
