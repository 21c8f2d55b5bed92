cimport cython

from miso.worker.sctp cimport enums
from miso.worker.sctp.control_block cimport ControlBlock
from miso.worker.sctp.handshake.establishment cimport Establishment
from miso.worker.sctp.lifecycle cimport Lifecycle
from miso.worker.sctp.sending.bundler cimport Bundler
from miso.worker.sctp.termination cimport Termination
from miso.worker.sctp.timers cimport Timers
from miso.worker.sctp.wire.packet cimport Packet


@cython.final
cdef class Dispatch:
    cdef object _settings
    cdef Lifecycle _lifecycle
    cdef Establishment _establishment
    cdef Termination _termination
    cdef Bundler _bundler
    cdef Timers _timers
    cdef object _heartbeat

    @cython.locals(block=ControlBlock)
    cpdef object flush(self, long long now_us)

    cdef bint _is_for_us(self, Packet packet) except -1

    @cython.locals(type_=int, bit=object, seen=object, flags=int, offset=Py_ssize_t, end=Py_ssize_t, has_data=bint, is_second=bint, block=ControlBlock)
    cdef object _take_chunks(self, bytes packet, list chunks, long long now_us)

    cdef bint _on_control_chunk(self, int type_, bytes packet, Py_ssize_t offset, Py_ssize_t end, long long now_us) except -1

    @cython.locals(block=ControlBlock, outcome=int)
    cdef bint _on_data(self, bytes packet, Py_ssize_t offset, Py_ssize_t end, int flags, bint is_interleaved) except -1
