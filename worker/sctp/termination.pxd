cimport cython

from miso.worker.sctp cimport enums
from miso.worker.sctp.control_block cimport ControlBlock
from miso.worker.sctp.lifecycle cimport Lifecycle
from miso.worker.sctp.sending.bundler cimport Bundler
from miso.worker.sctp.timers cimport Timers


@cython.final
cdef class Termination:
    cdef Lifecycle _lifecycle
    cdef Bundler _bundler
    cdef Timers _timers

    cpdef object proceed(self, ControlBlock block, long long now_us)
