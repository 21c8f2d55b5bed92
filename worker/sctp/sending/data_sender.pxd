cimport cython

from miso.worker.sctp cimport enums
from miso.worker.sctp.sending.congestion cimport CongestionControl
from miso.worker.sctp.sending.forward_tsn cimport forward_tsn_chunk
from miso.worker.sctp.sending.outstanding cimport Outstanding
from miso.worker.sctp.sending.retransmission_timeout cimport RetransmissionTimeout
from miso.worker.sctp.sending.round_trip_sample cimport RoundTripSample
from miso.worker.sctp.sending.send_queue cimport Message, SendQueue
from miso.worker.sctp.sending.sent_chunk cimport SentChunk
from miso.worker.sctp.sending.tail_loss_probe cimport TailLossProbe
from miso.worker.sctp.wire.fields cimport has_reached32, padded, u16, u32

cdef int _SACK_SIZE
cdef Py_ssize_t _MIN_FRAGMENT
cdef Py_ssize_t _MAX_WHOLE


@cython.final
cdef class DataSender:
    cdef public bint peer_is_full
    cdef public bint forward_due
    cdef public bint retransmit_now
    cdef SendQueue _queue
    cdef RetransmissionTimeout _rto
    cdef Outstanding _outstanding
    cdef CongestionControl _congestion
    cdef RoundTripSample _sample
    cdef TailLossProbe _probe
    cdef bint _interleaving
    cdef int _header_size
    cdef long long _peer_window
    cdef long long _burst_end
    cdef bint _burst_is_first

    cpdef long long buffered_amount(self)

    cpdef unsigned int last_assigned_tsn(self)

    cpdef bint is_acknowledged(self, unsigned int tsn)

    cpdef bint is_outstanding(self)

    cpdef bint is_idle(self)

    @cython.locals(gaps=int, duplicates=int, needed=int, done=int, has_advanced=bint, window=cython.longlong, flight=cython.longlong)
    cpdef int on_sack(self, bytes packet, Py_ssize_t offset, Py_ssize_t end, long long now_us) except -2

    @cython.locals(done=int)
    cpdef int on_shutdown(self, unsigned int tsn, long long now_us) except -2

    @cython.locals(
        outstanding=Outstanding, step=cython.longlong, flight_before=cython.longlong, acked=cython.longlong, chunk=SentChunk,
        _position=cython.longlong,
    )
    cdef int _on_cumulative(self, unsigned int wire_tsn, long long now_us) except -2

    @cython.locals(
        outstanding=Outstanding, count=Py_ssize_t, position=Py_ssize_t, newly=Py_ssize_t, acked_last=Py_ssize_t, first=Py_ssize_t,
        last=Py_ssize_t, index=Py_ssize_t, _block=int, chunk=SentChunk,
    )
    cdef int _on_gaps(self, const unsigned char *packet, Py_ssize_t offset, int gaps, bint has_advanced, long long now_us) except -2

    @cython.locals(outstanding=Outstanding, index=Py_ssize_t, chunk=SentChunk)
    cdef object _take_back(self, Py_ssize_t first, Py_ssize_t end)

    @cython.locals(outstanding=Outstanding, index=Py_ssize_t, chunk=SentChunk, highest_tsn=cython.longlong, found=bint)
    cdef object _count_missing(self, Py_ssize_t highest)

    @cython.locals(round_trip_us=cython.longlong)
    cdef object _take_sample(self, SentChunk chunk, long long now_us)

    @cython.locals(delay_us=cython.longlong)
    cdef long long probe_delay_us(self) noexcept

    @cython.locals(
        outstanding=Outstanding, index=Py_ssize_t, chunk=SentChunk, round_trip_us=cython.longlong, size=Py_ssize_t, parts=list
    )
    cpdef list probe(self, Py_ssize_t room, long long now_us)

    @cython.locals(outstanding=Outstanding, index=Py_ssize_t, chunk=SentChunk, end=cython.longlong)
    cdef object _on_probe_answered(self, bint was_repeated, long long now_us)

    @cython.locals(outstanding=Outstanding, index=Py_ssize_t, chunk=SentChunk)
    cpdef object on_timeout(self, long long now_us)

    cdef object _lose(self, SentChunk chunk)

    @cython.locals(outstanding=Outstanding, index=Py_ssize_t, chunk=SentChunk)
    cdef object _abandon(self, Message message)

    cdef object _advance(self)

    cpdef bytes forward_chunk(self, Py_ssize_t room)

    @cython.locals(flight=cython.longlong)
    cpdef object begin_burst(self, long long idle_us)

    @cython.locals(parts=list)
    cpdef list fill(self, Py_ssize_t room, bint is_whole, long long now_us)

    @cython.locals(outstanding=Outstanding, chunk=SentChunk, is_full=bint)
    cdef Py_ssize_t _fill_lost(self, list parts, Py_ssize_t room, long long now_us) except? -1

    @cython.locals(outstanding=Outstanding, message=Message, size=Py_ssize_t, space=Py_ssize_t)
    cdef object _fill_new(self, list parts, Py_ssize_t room, bint is_whole, long long now_us)

    @cython.locals(
        tsn=cython.longlong, start=Py_ssize_t, fragment=cython.uint, flags=int, is_awaited=bint, chunk=SentChunk, window=cython.longlong
    )
    cdef bytes _send_new(self, Message message, Py_ssize_t size, long long now_us)

    cdef bint _burst_has_ended(self) noexcept
