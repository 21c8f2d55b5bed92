cimport cython

cdef int OK
cdef int CUT
cdef int NO_STATUS
cdef int CHUNK_CUT
cdef int EMPTY_RUN
cdef int RESERVED_SYMBOL
cdef int DELTA_CUT
cdef int TOO_MANY
cdef int _MAX_ARRIVALS
cdef int _NOT_RECEIVED
cdef int _SMALL_DELTA
cdef int _RESERVED
cdef int _HEADER_SIZE
cdef int _VECTOR
cdef int _TWO_BITS
cdef int _RUN_LENGTH
cdef int _VECTOR_BITS
cdef int _REFERENCE_TICKS


@cython.final
cdef class ArrivalReader:
    cdef readonly int base_sequence
    cdef readonly int status_count
    cdef readonly int feedback_count
    cdef readonly int count
    cdef unsigned short _positions[2048]
    cdef long long _ticks[2048]
    cdef unsigned char _symbols[2048]

    cpdef int position(self, int index) noexcept

    cpdef long long tick(self, int index) noexcept

    @cython.locals(offset=int)
    cpdef int read(self, const unsigned char *body, Py_ssize_t size) noexcept

    @cython.locals(offset=int, position=int, chunk=int, problem=int)
    cdef int _read_chunks(self, const unsigned char *body, Py_ssize_t size) noexcept

    @cython.locals(symbol=int, run=int, index=int)
    cdef int _add_run(self, int position, int chunk, Py_ssize_t left) noexcept

    @cython.locals(bits=int, mask=int, run=int, index=int, symbol=int)
    cdef int _add_vector(self, int position, int chunk) noexcept

    @cython.locals(reference=int, tick=cython.longlong, index=int, symbol=int, delta=int)
    cdef int _read_deltas(self, const unsigned char *body, Py_ssize_t size, int offset) noexcept
