cimport cython

from miso.worker.sctp.sending.congestion cimport CongestionControl
from miso.worker.sctp.sending.send_queue cimport Message, SendQueue
from miso.worker.sctp.sending.sent_chunk cimport SentChunk


@cython.final
cdef class Outbound:
    cdef public SendQueue queue
    cdef public CongestionControl congestion
    cdef public long long flight
    cdef public long long outstanding_size
    cdef public long long peer_window
    cdef public bint peer_is_full
    cdef public long long rtt_us
    cdef public bint forward_due
    cdef public long long abandoned_messages
    cdef bint _interleaving
    cdef int _header_size
    cdef long long _next_tsn
    cdef long long _cumulative
    cdef long long _advanced
    cdef list _chunks
    cdef Py_ssize_t _head
    cdef Py_ssize_t _gap_acked
    cdef Py_ssize_t _lost
    cdef long long _lost_from
    cdef public bint rescue
    cdef public int probes
    cdef long long _probe_end
    cdef long long _probe_us
    cdef long long _probe_round_trip_us
    cdef long long _burst_end
    cdef long long _timed_tsn
    cdef long long _timed_us

    cpdef long long buffered_amount(self)

    cpdef unsigned int last_assigned_tsn(self)

    @cython.locals(step=cython.longlong)
    cpdef bint is_acknowledged(self, unsigned int tsn)

    cpdef bint is_outstanding(self)

    cpdef bint is_idle(self)

    @cython.locals(gaps=int, needed=int, done=int, window=cython.longlong)
    cpdef int on_sack(self, bytes packet, Py_ssize_t offset, Py_ssize_t end, long long now_us) except -1

    @cython.locals(done=int)
    cpdef int on_shutdown(self, unsigned int tsn, long long now_us) except -1

    @cython.locals(
        step=cython.longlong, flight_before=cython.longlong, acked=cython.longlong, wire_size=cython.longlong, chunk=SentChunk,
        _position=cython.longlong,
    )
    cdef int _on_cumulative(self, unsigned int wire_tsn, long long now_us) except -2

    @cython.locals(
        count=Py_ssize_t, position=Py_ssize_t, newly=Py_ssize_t, acked_last=Py_ssize_t, first=Py_ssize_t, last=Py_ssize_t,
        index=Py_ssize_t, _block=int, chunk=SentChunk,
    )
    cdef int _on_gaps(self, const unsigned char *packet, Py_ssize_t offset, int gaps, bint advanced, long long now_us) except -1

    @cython.locals(index=Py_ssize_t, chunk=SentChunk)
    cdef object _take_back(self, Py_ssize_t first, Py_ssize_t end)

    @cython.locals(index=Py_ssize_t, chunk=SentChunk, highest_tsn=cython.longlong, found=bint)
    cdef object _count_missing(self, Py_ssize_t highest)

    cdef object _time(self, SentChunk chunk, long long now_us)

    @cython.locals(index=Py_ssize_t, chunk=SentChunk, wire_size=Py_ssize_t, parts=list)
    cpdef list probe(self, Py_ssize_t room, long long now_us, long long round_trip_us)

    @cython.locals(index=Py_ssize_t, chunk=SentChunk, end=cython.longlong, quarter_us=cython.longlong)
    cdef object _on_probe_answered(self, bint was_repeated, long long now_us)

    @cython.locals(index=Py_ssize_t, chunk=SentChunk)
    cpdef object on_timeout(self, long long now_us)

    @cython.locals(message=Message)
    cdef object _lose(self, SentChunk chunk)

    @cython.locals(index=Py_ssize_t, chunk=SentChunk, rest=SentChunk, first=cython.longlong)
    cdef object _abandon(self, Message message)

    @cython.locals(index=Py_ssize_t, chunk=SentChunk, expires_us=cython.longlong)
    cdef object _expire_outstanding(self, long long now_us)

    @cython.locals(index=Py_ssize_t, chunk=SentChunk)
    cdef object _advance(self)

    @cython.locals(index=Py_ssize_t, chunk=SentChunk, message=Message, tsn=cython.longlong, key=cython.uint, limit=Py_ssize_t)
    cpdef bytes forward_chunk(self, Py_ssize_t room)

    cpdef object begin_burst(self)

    @cython.locals(parts=list, message=Message, size=Py_ssize_t, space=Py_ssize_t)
    cpdef list fill(self, Py_ssize_t room, bint is_whole, long long now_us)

    @cython.locals(first=cython.longlong, index=Py_ssize_t, chunk=SentChunk, wire_size=Py_ssize_t, is_full=bint)
    cdef Py_ssize_t _fill_lost(self, list parts, Py_ssize_t room, long long now_us) except -1

    @cython.locals(tsn=cython.longlong, start=Py_ssize_t, fragment=cython.uint, flags=int, chunk=SentChunk, wire_size=Py_ssize_t)
    cdef bytes _send_new(self, Message message, Py_ssize_t size, long long now_us)


cdef int _u16(const unsigned char *data, Py_ssize_t offset) noexcept

cdef unsigned int _u32(const unsigned char *data, Py_ssize_t offset) noexcept
