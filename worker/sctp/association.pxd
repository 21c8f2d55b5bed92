cimport cython

from miso.worker.sctp cimport enums
from miso.worker.sctp.control_block cimport ControlBlock
from miso.worker.sctp.dispatch cimport Dispatch
from miso.worker.sctp.handshake.establishment cimport Establishment
from miso.worker.sctp.lifecycle cimport Lifecycle
from miso.worker.sctp.sending.bundler cimport Bundler
from miso.worker.sctp.sending.send_queue cimport Message
from miso.worker.sctp.termination cimport Termination
from miso.worker.sctp.timers cimport Timers


cdef class Association:
    cdef Bundler _bundler
    cdef Timers _timers
    cdef Lifecycle _lifecycle
    cdef Establishment _establishment
    cdef Termination _termination
    cdef Dispatch _dispatch
    cdef long long _send_buffer_size
    cdef long long _max_messages
    cdef long long _reported_amount
