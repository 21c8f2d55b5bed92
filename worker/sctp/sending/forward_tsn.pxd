cimport cython

from miso.worker.sctp cimport enums
from miso.worker.sctp.sending.outstanding cimport Outstanding
from miso.worker.sctp.sending.send_queue cimport Message
from miso.worker.sctp.sending.sent_chunk cimport SentChunk

cdef Py_ssize_t _ENTRY_SIZE
cdef Py_ssize_t _I_ENTRY_SIZE

@cython.locals(
    entry_size=Py_ssize_t, limit=Py_ssize_t, numbers=dict, tsn=cython.longlong, index=Py_ssize_t, chunk=SentChunk, message=Message,
    key=cython.uint,
)
cpdef bytes forward_tsn_chunk(Outstanding outstanding, bint interleaving, Py_ssize_t room)
