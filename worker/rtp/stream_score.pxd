cimport cython

cdef int _MAX_SCORE
cdef int _HISTORY


@cython.final
cdef class StreamScore:
    cdef readonly int value
    cdef int _count
    cdef unsigned char _samples[24]

    @cython.locals(index=int, total=int, weights=int)
    cpdef bint add(self, int sample) noexcept

    cpdef bint reset(self, int value) noexcept

    @cython.locals(changed=bint)
    cdef bint _set(self, int value) noexcept


@cython.locals(share=double, weight=double)
cpdef int sample_of(long long packets, long long lost, long long repaired, long long retransmitted) noexcept

cpdef int outbound_sample(long long sent, long long lost, long long repaired, long long retransmitted) noexcept
