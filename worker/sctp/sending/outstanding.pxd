cimport cython

from miso.worker.sctp cimport enums
from miso.worker.sctp.sending.sent_chunk cimport SentChunk

cdef Py_ssize_t _FORGOTTEN_AT_ONCE


@cython.final
cdef class Outstanding:
    cdef public long long next_tsn
    cdef public long long cumulative
    cdef public long long advanced
    cdef public long long flight
    cdef public long long size
    cdef public Py_ssize_t gap_acked
    cdef public Py_ssize_t lost
    cdef list _chunks
    cdef Py_ssize_t _head
    cdef long long _lost_from

    cdef Py_ssize_t count(self) noexcept

    cdef SentChunk chunk(self, Py_ssize_t index)

    cdef Py_ssize_t index_of(self, long long tsn) noexcept

    @cython.locals(index=Py_ssize_t)
    cdef Py_ssize_t first_lost(self) except -1

    cdef object send(self, SentChunk chunk)

    cdef void send_again(self, SentChunk chunk, long long now_us) noexcept

    cdef void repeat(self, SentChunk chunk, long long now_us) noexcept

    cdef void gap_ack(self, SentChunk chunk) noexcept

    cdef void take_back(self, SentChunk chunk) noexcept

    cdef void lose(self, SentChunk chunk) noexcept

    cdef void abandon(self, SentChunk chunk) noexcept

    cdef object add_abandoned(self, SentChunk chunk)

    @cython.locals(chunk=SentChunk)
    cdef SentChunk acknowledge_first(self)

    cdef void _leave(self, SentChunk chunk) noexcept

    @cython.locals(index=Py_ssize_t)
    cdef bint advance(self) except -1
