cimport cython

from miso.worker.sctp cimport enums

from miso.worker.sctp.control_block cimport ControlBlock
from miso.worker.sctp.sending.bundler cimport Bundler
from miso.worker.sctp.wire.packet cimport Packet
from miso.worker.sctp.timers cimport Timers


cdef class Machine:
    cdef public object state
    cdef public long long discarded
    cdef object _settings
    cdef object _handshake
    cdef object _heartbeat
    cdef Bundler _bundler
    cdef object _rto
    cdef Timers _timers
    cdef object _phase
    cdef ControlBlock _block
    cdef bytes _cookie
    cdef int _transmits
    cdef long long _sent_us
    cdef unsigned int _packet_tag
    cdef long long _reported_amount
    cdef int _wanted_streams
    cdef list _events

    cdef bint _is_for_us(self, Packet packet) except -1

    @cython.locals(type_=int, flags=int, offset=Py_ssize_t, end=Py_ssize_t, has_data=bint)
    cdef object _take_chunks(self, bytes packet, list chunks, long long now_us)

    @cython.locals(block=ControlBlock, outcome=int)
    cdef bint _on_data(self, bytes packet, Py_ssize_t offset, Py_ssize_t end, int flags, bint is_interleaved) except -1

    @cython.locals(block=ControlBlock)
    cpdef object _flush(self, long long now_us)
