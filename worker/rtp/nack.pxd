cimport cython
from miso.worker.rtp cimport enums

cdef int _CAPACITY
cdef int _PLACE
cdef int _MAX_MISSING
cdef int _MAX_AGE
cdef int _MAX_RETRIES
cdef int _HOLE
cdef int _MAX_REMEMBERED
cdef int _DEFAULT_RTT_US
cdef int _MIN_INTERVAL_US
cdef int _PATIENCE_US


@cython.final
cdef class NackGenerator:
    cdef public long long rtt_us
    cdef public bint key_frame_needed
    cdef public int missing
    cdef bint _started
    cdef unsigned short _last_sequence
    cdef int _head
    cdef int _used
    cdef unsigned short _sequence[1024]
    cdef unsigned char _retries[1024]
    cdef long long _sent_us[1024]
    cdef unsigned short _key_frames[32]
    cdef int _key_frame_count
    cdef unsigned short _recovered[32]
    cdef int _recovered_count

    @cython.locals(step=int)
    cpdef int on_packet(self, unsigned short sequence_number, bint is_key_frame, bint is_recovered, long long now_us) noexcept

    cpdef bint is_missing(self, unsigned short sequence_number) noexcept

    @cython.locals(entry=int, retries=int)
    cdef int _on_old_packet(self, unsigned short sequence_number) noexcept

    @cython.locals(number=cython.ushort, added=int, entry=int, gap=int, _position=int)
    cdef int _add_missing(self, unsigned short sequence_number, int step, long long now_us) noexcept

    @cython.locals(low=int, high=int, middle=int)
    cdef int _find(self, unsigned short sequence_number) noexcept

    cdef void _remove_until(self, unsigned short sequence_number) noexcept

    @cython.locals(before=int)
    cdef bint _remove_until_key_frame(self) noexcept

    @cython.locals(source=int, target=int, position=int, entry=int)
    cdef void _compact(self) noexcept

    cdef void _trim_head(self) noexcept

    cdef void _clear(self) noexcept

    cdef void _remember_key_frame(self, unsigned short sequence_number) noexcept

    @cython.locals(position=int)
    cdef void _remember_recovered(self, unsigned short sequence_number) noexcept

    @cython.locals(position=int)
    cdef bint _is_recovered(self, unsigned short sequence_number) noexcept

    cdef void _forget_old_key_frames(self, unsigned short sequence_number) noexcept

    @cython.locals(position=int)
    cdef void _drop_first_key_frame(self) noexcept

    @cython.locals(position=int, entry=int, interval_us=cython.longlong)
    cpdef list poll(self, long long now_us)

    cdef void _give_up(self, int entry) noexcept

    cpdef void reset(self) noexcept
