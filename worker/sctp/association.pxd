cimport cython

from miso.worker.sctp.control_block cimport ControlBlock
from miso.worker.sctp.machine cimport Machine
from miso.worker.sctp.sending.outbound cimport Outbound


cdef class Association(Machine):
    cdef long long _send_buffer_size
    cdef long long _max_messages
