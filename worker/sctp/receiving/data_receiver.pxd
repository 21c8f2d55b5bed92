cimport cython

from miso.worker.sctp cimport enums
from miso.worker.sctp.receiving.reassembly cimport Reassembly
from miso.worker.sctp.receiving.received_tsns cimport ReceivedTsns
from miso.worker.sctp.wire.fields cimport has_reached16, has_reached32, u16, u32

cdef Py_ssize_t _DATA_SIZE
cdef Py_ssize_t _I_DATA_SIZE
cdef Py_ssize_t _TSN_SIZE
cdef Py_ssize_t _ENTRY_SIZE
cdef Py_ssize_t _I_ENTRY_SIZE


@cython.final
cdef class DataReceiver:
    cdef public int streams
    cdef public int unacknowledged
    cdef public bint sack_now
    cdef ReceivedTsns _tsns
    cdef Reassembly _reassembly
    cdef bint _interleaving
    cdef Py_ssize_t _buffer_size
    cdef object _held_streams
    cdef long long _held_from

    cpdef unsigned int cumulative_tsn(self) noexcept

    cpdef bint has_reached(self, unsigned int tsn) noexcept

    @cython.locals(buffered=Py_ssize_t)
    cpdef Py_ssize_t window(self) noexcept

    @cython.locals(had_more=bint)
    cpdef list take_messages(self)

    cpdef bint has_more(self)

    @cython.locals(start=Py_ssize_t, wire_tsn=cython.uint, tsn=cython.longlong, known=int, stream_id=int, number=cython.uint, data=bytes, is_stuck=bint)
    cpdef int add(self, bytes packet, Py_ssize_t offset, Py_ssize_t end, int flags, bint interleaved) except -1

    @cython.locals(
        entry_size=Py_ssize_t, tsn=cython.longlong, before=cython.longlong, position=Py_ssize_t, key=cython.uint, number=cython.uint,
        furthest=dict,
    )
    cpdef object forward(self, bytes packet, Py_ssize_t offset, Py_ssize_t end, bint interleaved)

    cdef int _drop(self) noexcept

    @cython.locals(limit=Py_ssize_t)
    cdef bint _has_room(self, long long tsn, Py_ssize_t size) noexcept

    cdef bint _is_held(self, long long tsn, int stream_id)
