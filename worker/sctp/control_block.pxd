cimport cython

from miso.worker.sctp cimport enums
from miso.worker.sctp.receiving.data_receiver cimport DataReceiver
from miso.worker.sctp.sending.data_sender cimport DataSender
from miso.worker.sctp.sending.bundler cimport Bundler
from miso.worker.sctp.reconfiguration cimport Reconfiguration
from miso.worker.sctp.sending.retransmission_timeout cimport RetransmissionTimeout
from miso.worker.sctp.sending.send_queue cimport Message, SendQueue
from miso.worker.sctp.timers cimport Timers


@cython.final
cdef class ControlBlock:
    cdef public object peer
    cdef DataReceiver _receiver
    cdef DataSender _sender
    cdef Reconfiguration _reconfiguration
    cdef RetransmissionTimeout _rto
    cdef SendQueue _queue
    cdef Bundler _bundler
    cdef Timers _timers
    cdef int _errors

    cpdef long long buffered_amount(self)

    cpdef Py_ssize_t queued_messages(self)

    cpdef int outbound_streams(self)

    cpdef object send(self, Message message)

    cpdef int on_data(self, bytes packet, Py_ssize_t offset, Py_ssize_t end, int flags, bint is_interleaved) except -1

    cpdef object on_packet_with_data(self)

    cpdef object on_sack(self, bytes packet, Py_ssize_t offset, Py_ssize_t end, long long now_us)

    @cython.locals(sender=DataSender)
    cdef object _on_acknowledged(self, int done)

    @cython.locals(receiver=DataReceiver, sender=DataSender)
    cpdef object flush(self, long long now_us)

    cpdef bint is_drained(self)

    @cython.locals(events=list)
    cpdef list take_events(self)

    cdef object _add_sack(self, DataReceiver receiver, long long now_us)

    @cython.locals(delay_us=cython.longlong)
    cdef object _watch(self, DataSender sender, long long now_us)
