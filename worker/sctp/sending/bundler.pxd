cimport cython

from miso.worker.sctp cimport enums
from miso.worker.sctp.sending.data_sender cimport DataSender


@cython.final
cdef class Bundler:
    cdef public unsigned int peer_tag
    cdef long long _last_data_us
    cdef int _local_port
    cdef int _remote_port
    cdef list _control
    cdef list _packets

    cpdef list take_packets(self)

    cpdef object add(self, bytes whole)

    cpdef object add_first(self, bytes whole)

    cpdef object clear(self)

    @cython.locals(control=list, taken=Py_ssize_t, parts=list, room=Py_ssize_t, data=list)
    cpdef object flush(self, DataSender sender, long long now_us)

    cdef object _packet(self, unsigned int tag, list parts)
