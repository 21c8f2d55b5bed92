cimport cython
from miso.worker.rtp cimport enums

cdef unsigned int _MODULO
cdef unsigned int _LIFETIME
cdef unsigned int _DEFAULT_RTT
cdef int _MIN_CAPACITY
cdef unsigned int _VALID
cdef unsigned int _UNSENT

@cython.locals(second="long long")
cdef unsigned int _ticks(long long time_us) noexcept
cdef unsigned int _LATE


@cython.final
cdef class RetransmissionIndex:
    # What ``put`` needs comes first: consumers fetch so much into the cache ahead (``consumer/prefetch.pxd``).
    cdef int _capacity
    cdef int _max_capacity
    cdef unsigned short _newest
    cdef unsigned int[::1] _rows
    cdef public unsigned int slot
    cdef public unsigned int generation
    cdef public unsigned int timestamp_offset
    cdef public unsigned int rewrite
    cdef public int resent_count
    cdef public unsigned short transport_wide_number
    cdef public unsigned int abs_send_time
    cdef public bint is_sent

    @cython.locals(row=int, now=cython.uint, flags=cython.uint)
    cpdef int put(self, unsigned short sequence_number, unsigned int slot, unsigned int generation, unsigned int timestamp_offset, long long now_us, unsigned int rewrite=*, unsigned short transport_wide_number=*, bint is_sent=*) except -1

    @cython.locals(row=int, now=cython.uint, rtt=cython.uint, flags=cython.uint)
    cpdef int take(self, unsigned short sequence_number, long long now_us, long long rtt_us) noexcept

    @cython.locals(row=int)
    cpdef void set_sent(self, unsigned short sequence_number, unsigned short transport_wide_number, long long now_us)

    @cython.locals(rows="unsigned int[::1]", source=int, target=int, position=int, capacity=int, field=int)
    cdef int _grow(self) except -1

    cpdef void clear(self)
