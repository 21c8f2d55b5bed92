cimport cython

from miso.worker.bwe cimport enums

cdef int _LEAST_US
cdef int _MAX_LATE
cdef int _SOON
cdef int _MAX_STATUSES
cdef int _MAX_DELTA_SIZE
cdef int _HEADER_SIZE
cdef int _MAX_RUN
cdef int _NOT_RECEIVED
cdef int _SMALL_DELTA
cdef int _LARGE_DELTA
cdef int _MAX_SMALL
cdef int _MAX_LARGE
cdef int _FEEDBACK
cdef int _TRANSPORT_FEEDBACK
cdef int _ONE_BIT_VECTOR
cdef int _TWO_BIT_VECTOR
cdef int _ONE_BIT_SYMBOLS
cdef int _TWO_BIT_SYMBOLS


@cython.final
cdef class TransportFeedback:
    cdef public unsigned int media_ssrc
    cdef bint _started
    cdef bint _pending
    cdef long long _begin
    cdef long long _newest
    cdef long long _last_feedback_us
    cdef int _feedback_count
    cdef long long _arrivals[enums.ARRIVALS]

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
