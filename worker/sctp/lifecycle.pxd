cimport cython

from miso.worker.sctp cimport enums
from miso.worker.sctp.control_block cimport ControlBlock
from miso.worker.sctp.sending.bundler cimport Bundler
from miso.worker.sctp.timers cimport Timers


@cython.final
cdef class Lifecycle:
    cdef public int phase
    cdef public object state
    cdef public ControlBlock block
    cdef public long long discarded
    cdef object _settings
    cdef Bundler _bundler
    cdef Timers _timers
    cdef int _wanted_streams
    cdef list _events

    cpdef ControlBlock established(self)

    cpdef bint has_ended(self)

    cpdef int outbound_streams(self)

    cpdef list take_events(self)

    cpdef object hand_out(self, ControlBlock block)
