cimport cython

from miso.worker.sctp cimport enums
from miso.worker.sctp.receiving.data_receiver cimport DataReceiver
from miso.worker.sctp.sending.data_sender cimport DataSender
from miso.worker.sctp.sending.send_queue cimport SendQueue


@cython.final
cdef class Reconfiguration:
    cdef public int outbound_streams
    cdef DataReceiver _receiver
    cdef DataSender _sender
    cdef SendQueue _queue
    cdef int _max_inbound_streams
    cdef bint _echoes_resets
    cdef unsigned int _next_number
    cdef unsigned int _expected
    cdef object _last_result
    cdef object _request
    cdef dict _outgoing
    cdef dict _incoming
    cdef unsigned int _answers
    cdef int _to_add
    cdef set _expects_echo
    cdef list _events

    cpdef list take_events(self)

    cpdef object on_message_sent(self, int stream_id)

    cpdef bytes next_request(self)

    cpdef bint is_waiting(self)
