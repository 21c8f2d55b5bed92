cimport cython

cdef Py_ssize_t RUN_OVERHEAD
cdef Py_ssize_t FRAGMENT_OVERHEAD
cdef Py_ssize_t PARTIAL_OVERHEAD
cdef Py_ssize_t NUMBERED_OVERHEAD

@cython.final
cdef class Run:
    cdef public long long first
    cdef public long long last
    cdef public int stream_id
    cdef public unsigned int sequence
    cdef public bint unordered
    cdef public bint begins
    cdef public bint ends
    cdef public bint oversize
    cdef public unsigned int ppid
    cdef public Py_ssize_t size
    cdef public Py_ssize_t charged
    cdef public list parts

    cpdef bint belongs_to(self, int stream_id, unsigned int sequence, bint unordered) noexcept


@cython.final
cdef class Runs:
    cdef public Py_ssize_t charged
    cdef Py_ssize_t _max_message_size
    cdef dict _by_first
    cdef dict _by_last

    @cython.locals(run=Run, before=Run, after=Run)
    cpdef Run add(self, long long tsn, int stream_id, unsigned int sequence, bint unordered, bint begins, bint ends, unsigned int ppid, bytes data)

    cpdef object drop_skipped(self, list tsns, long long before, long long cumulative)

    @cython.locals(run=Run)
    cpdef object drop_streams(self, object stream_ids)

    cdef object _drop_if_cut(self, Run run, long long cumulative)

    cdef Run _join(self, Run left, Run right)

    cdef object _forget(self, Run run)


@cython.final
cdef class PartialMessage:
    cdef public unsigned int ppid
    cdef public Py_ssize_t count
    cdef public long long last_fragment
    cdef public Py_ssize_t size
    cdef public Py_ssize_t charged
    cdef public bint oversize
    cdef public dict fragments

    cpdef Py_ssize_t add(self, unsigned int number, bint ends, bytes data)

    cpdef Py_ssize_t give_up(self)

    cpdef bint is_whole(self) noexcept

    cpdef bytes join(self)
