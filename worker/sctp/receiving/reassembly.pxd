cimport cython

from miso.worker.sctp cimport enums
from miso.worker.sctp.receiving.fragments cimport PartialMessage, Run, Runs

cdef Py_ssize_t WAITING_OVERHEAD
cdef Py_ssize_t TABLE_OVERHEAD

@cython.final
cdef class InboundStream:
    cdef public unsigned int next
    cdef public bint is_draining
    cdef public unsigned int floor
    cdef public list skipped
    cdef public dict waiting
    cdef public dict ordered_parts
    cdef public dict unordered_parts

    cpdef bint is_waiting(self, unsigned int number)

    @cython.locals(charged=Py_ssize_t, part=PartialMessage)
    cpdef Py_ssize_t charged(self)


@cython.final
cdef class Reassembly:
    cdef Py_ssize_t _max_message_size
    cdef unsigned int _mask
    cdef dict _streams
    cdef Runs _runs
    cdef Py_ssize_t _charged
    cdef list _messages
    cdef object _draining

    cpdef Py_ssize_t buffered(self) noexcept

    cpdef bint has_more(self)

    @cython.locals(left=int)
    cpdef list take_messages(self)

    @cython.locals(unordered=bint, begins=bint, ends=bint, run=Run)
    cpdef object add_data(self, long long tsn, int stream_id, unsigned int ssn, int flags, unsigned int ppid, bytes data)

    @cython.locals(unordered=bint, stream=InboundStream, message=PartialMessage)
    cpdef object add_interleaved(self, int stream_id, unsigned int mid, int flags, unsigned int ppid, unsigned int fragment, bytes data)

    cpdef object drop_skipped(self, list tsns, long long before, long long cumulative)

    @cython.locals(stream=InboundStream, parts=dict)
    cpdef object skip(self, int stream_id, unsigned int number, bint unordered)

    @cython.locals(waiting=dict, first=cython.longlong, steps=cython.longlong)
    cdef list _early(self, InboundStream stream, unsigned int number)

    @cython.locals(parts=dict, message=PartialMessage)
    cdef PartialMessage _part(self, InboundStream stream, bint unordered, unsigned int mid)

    @cython.locals(parts=dict, message=PartialMessage)
    cdef object _forget_part(self, InboundStream stream, bint unordered, unsigned int mid)

    @cython.locals(stream=InboundStream)
    cpdef list reset(self, list stream_ids)

    @cython.locals(stream=InboundStream)
    cdef object _deliver(self, int stream_id, unsigned int number, bint unordered, unsigned int ppid, bytes data)

    cdef object _start_draining(self, int stream_id, InboundStream stream)

    @cython.locals(stream=InboundStream, number=cython.uint, count=int)
    cdef int _drain(self, int stream_id, int limit) except -1

    @cython.locals(waiting=dict)
    cdef object _hand_out(self, int stream_id, InboundStream stream, unsigned int number)

    cdef object _emit(self, int stream_id, unsigned int ppid, bytes data)

    @cython.locals(stream=InboundStream)
    cdef InboundStream _stream(self, int stream_id)

    cdef bint _is_old(self, InboundStream stream, unsigned int number) noexcept
