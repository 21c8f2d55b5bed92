cimport cython

cdef unsigned int _MODULO
cdef int _FIRST_MASK
cdef int _MAX_MASK
cdef int _LIFETIME_US


@cython.final
cdef class SentPackets:
    cdef readonly long long newest
    cdef readonly long long begin
    cdef long long _newest_us
    cdef int _mask
    cdef unsigned long long[::1] _packets

    @cython.locals(step=int, place=int, word=cython.ulonglong)
    cpdef void add(self, unsigned short sequence_number, int size, long long sent_us, int cluster) noexcept

    @cython.locals(mask=int, packets="unsigned long long[::1]", number=cython.longlong)
    cdef int _grow(self) except -1

    @cython.locals(step=int)
    cpdef long long unwrap(self, int sequence_number) noexcept

    cpdef long long oldest(self) noexcept

    cpdef bint is_waiting(self, long long number) noexcept

    cpdef void take(self, long long number) noexcept

    @cython.locals(age=cython.longlong)
    cpdef long long sent_us(self, long long number) noexcept

    cpdef int size(self, long long number) noexcept

    cpdef int cluster(self, long long number) noexcept
