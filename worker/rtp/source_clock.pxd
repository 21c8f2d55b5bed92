cimport cython

cdef unsigned int _MODULO
cdef unsigned int _HALF
cdef long long _MAX_AHEAD_US
cdef long long _REPORT_US
cdef long long _MAX_BEHIND_US
cdef long long _MAX_STEP
cdef long long _MAX_STAND_US


@cython.locals(ahead=cython.uint)
cpdef bint is_new_clock(unsigned int timestamp, unsigned int newest, long long elapsed_us, long long clock_rate) noexcept


@cython.final
cdef class SourceClock:
    cdef public unsigned int newest
    cdef public long long newest_us
    cdef public unsigned int stops
    cdef long long _clock_rate
    cdef bint _reorders
    cdef bint _started
    cdef bint _set_anew
    cdef unsigned int _offset
    cdef unsigned int _previous_offset
    cdef unsigned short _first

    @cython.locals(line=cython.uint, is_behind=bint, gone_us=cython.longlong)
    cpdef unsigned int follow(self, unsigned short sequence_number, unsigned int timestamp, bint is_newest, bint begins, long long now_us) noexcept

    @cython.locals(line=cython.uint, previous=cython.uint)
    cpdef unsigned int place(self, unsigned short sequence_number, unsigned int timestamp) noexcept

    @cython.locals(ahead=cython.uint)
    cdef unsigned int _distance(self, unsigned int line) noexcept

    @cython.locals(elapsed_us=cython.longlong, earliest=cython.uint, room=cython.longlong, line=cython.uint)
    cpdef long long report(self, unsigned int timestamp, long long now_us) noexcept

    @cython.locals(elapsed_us=cython.longlong, step=cython.longlong, line=cython.uint)
    cdef unsigned int _begin(self, unsigned short sequence_number, unsigned int timestamp, long long now_us) noexcept
