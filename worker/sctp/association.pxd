cimport cython

from worker.sctp.control_block cimport ControlBlock
from worker.sctp.machine cimport Machine
from worker.sctp.sending.outbound cimport Outbound


cdef class Association(Machine):
    cdef long long _send_buffer_size
    cdef long long _max_messages
