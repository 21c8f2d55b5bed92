cimport cython

from miso.worker.sctp cimport enums


@cython.final
cdef class Message:
    cdef public int stream_id
    cdef public unsigned int ppid
    cdef public bytes data
    cdef public bint unordered
    cdef public int max_retransmits
    cdef public long long expires_us
    cdef public unsigned int number
    cdef public Py_ssize_t offset
    cdef public unsigned int fragment
    cdef public bint abandoned
    cdef public long long first_tsn
    cdef public long long last_tsn

    cdef bint has_expired(self, long long now_us) noexcept

    cdef bint is_used_up(self, int transmits) noexcept


@cython.final
cdef class OutboundStream:
    cdef public object messages
    cdef public int outstanding
    cdef public bint is_active
    cdef public unsigned int next_ssn
    cdef public unsigned int next_ordered_mid
    cdef public unsigned int next_unordered_mid


@cython.final
cdef class SendQueue:
    cdef public Py_ssize_t size
    cdef public Py_ssize_t count
    cdef public bint is_cut
    cdef Py_ssize_t _max_begun
    cdef Py_ssize_t _begun
    cdef dict _held
    cdef bint _interleaving
    cdef dict _streams
    cdef object _turns

    @cython.locals(stream=OutboundStream)
    cpdef object put(self, Message message)

    @cython.locals(stream=OutboundStream, message=Message, left=int)
    cpdef Message head(self, long long now_us)

    cpdef bint has_messages(self)

    @cython.locals(stream=OutboundStream, flags=int, is_last=bint)
    cpdef int take(self, Message message, Py_ssize_t size, long long tsn) except -1

    @cython.locals(rest=Py_ssize_t)
    cpdef Py_ssize_t drop(self, Message message) except -1

    @cython.locals(stream=OutboundStream)
    cpdef object on_gone(self, int stream_id)

    cpdef object hold(self, int stream_id)

    @cython.locals(stream=OutboundStream)
    cpdef bint is_drained(self, int stream_id) except -1

    @cython.locals(stream=OutboundStream)
    cpdef object release(self, int stream_id, bint was_reset)

    cpdef list stream_ids(self)

    @cython.locals(message=Message)
    cdef bint _may_take_turns(self) except -1

    cdef object _number(self, OutboundStream stream, Message message)

    cdef object _activate(self, int stream_id, OutboundStream stream)

    @cython.locals(stream=OutboundStream)
    cdef OutboundStream _stream(self, int stream_id)
