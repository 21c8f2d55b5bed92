cimport cython

from miso.worker.sctp.receiving.inbound cimport Inbound
from miso.worker.sctp.sending.outbound cimport Outbound
from miso.worker.sctp.sending.bundler cimport Bundler
from miso.worker.sctp.reconfiguration cimport Reconfiguration
from miso.worker.sctp.sending.retransmission_timeout cimport RetransmissionTimeout
from miso.worker.sctp.timers cimport Timers

cdef int MAX_PROBES
cdef int _T3
cdef int _SACK
cdef int _RECONFIG
cdef int _REST
cdef int _PROBE

@cython.final
cdef class ControlBlock:
    cdef public object peer
    cdef public Inbound inbound
    cdef public Outbound outbound
    cdef public Reconfiguration reconfiguration
    cdef public RetransmissionTimeout rto
    cdef Bundler _bundler
    cdef Timers _timers
    cdef int _errors

    cpdef object on_sack(self, bytes packet, Py_ssize_t offset, Py_ssize_t end, long long now_us)

    @cython.locals(outbound=Outbound)
    cdef object _on_acknowledged(self, int done)

    @cython.locals(inbound=Inbound, outbound=Outbound)
    cpdef object flush(self, long long now_us)

    cdef object _add_sack(self, Inbound inbound, long long now_us)

    cdef object _watch(self, Outbound outbound, long long now_us)
