cimport cython


@cython.final
cdef class TransportFeedback:
    cdef public unsigned int media_ssrc
    cdef bint _started
    cdef bint _pending
    cdef long long _begin
    cdef long long _newest
    cdef long long _last_feedback_us
    cdef int _feedback_count
    cdef long long _arrivals[2048]

    @cython.locals(number=cython.longlong, step=int)
    cpdef void on_packet(self, unsigned short sequence_number, long long arrival_us) noexcept

    cdef void _advance(self, long long number) noexcept

    cpdef bint is_due(self, long long now_us) noexcept

    cpdef list poll(self, long long now_us, unsigned int sender_ssrc)

    @cython.locals(
        first=cython.longlong, end=cython.longlong, number=cython.longlong, arrival=cython.longlong, tick=cython.longlong,
        previous=cython.longlong, delta=cython.longlong, reference=cython.longlong, size=int, symbol=int, used=int,
    )
    cdef bytes _build(self, unsigned int sender_ssrc)


@cython.locals(position=int, count=int, run=int, symbol=int, chunk=int, index=int, has_large=bint, end=int)
cdef bytearray _encode_chunks(const unsigned char *symbols, int count)
