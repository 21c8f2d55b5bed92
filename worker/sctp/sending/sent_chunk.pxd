cimport cython

from miso.worker.sctp cimport enums
from miso.worker.sctp.sending.send_queue cimport Message


@cython.final
cdef class SentChunk:
    cdef public long long tsn
    cdef public Message message
    cdef public Py_ssize_t start
    cdef public Py_ssize_t size
    cdef public Py_ssize_t wire_size
    cdef public int flags
    cdef public unsigned int fragment
    cdef public int state
    cdef public long long sent_us
    cdef public int transmits
    cdef public int missing
    cdef public long long counts_from

    @cython.locals(message=Message, tsn=cython.longlong, length=Py_ssize_t, last=cython.uint, padding=int, data=bytes)
    cpdef bytes encode(self, bint interleaving)

    @cython.locals(message=Message)
    cpdef bint may_leave_again(self, long long now_us)
