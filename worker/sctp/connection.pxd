cimport cython

from worker.sctp.inbound cimport Inbound
from worker.sctp.outbound cimport Outbound
from worker.sctp.reconfig cimport Reconfiguration


@cython.final
cdef class Connection:
    cdef public object peer
    cdef public Inbound inbound
    cdef public Outbound outbound
    cdef public Reconfiguration reconfiguration
