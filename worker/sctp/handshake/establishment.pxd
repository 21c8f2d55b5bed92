cimport cython

from miso.worker.sctp cimport enums
from miso.worker.sctp.lifecycle cimport Lifecycle
from miso.worker.sctp.sending.bundler cimport Bundler
from miso.worker.sctp.sending.retransmission_timeout cimport RetransmissionTimeout
from miso.worker.sctp.timers cimport Timers


@cython.final
cdef class Establishment:
    cdef Lifecycle _lifecycle
    cdef Bundler _bundler
    cdef Timers _timers
    cdef object _handshake
    cdef RetransmissionTimeout _rto
    cdef bytes _cookie
    cdef int _transmits
    cdef long long _sent_us
