cimport cython

from miso.worker.sctp cimport enums
from miso.worker.sctp.wire.fields cimport padded, u16, u32


@cython.final
cdef class Packet:
    cdef public int source_port
    cdef public int destination_port
    cdef public unsigned int tag
    cdef public list chunks


@cython.locals(offset=Py_ssize_t, length=Py_ssize_t)
cdef list _chunk_places(const unsigned char *data, Py_ssize_t size)
