cimport cython

from worker.sctp.connection cimport Connection
from worker.sctp.machine cimport Machine
from worker.sctp.outbound cimport Outbound


cdef class Association(Machine):
    cdef long long _send_buffer_size
    cdef long long _max_messages
