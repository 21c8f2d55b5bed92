cimport cython
from miso.worker.rtp cimport enums
from miso.worker.rtp.sequence cimport is_newer32
from miso.worker.rtp.source_clock cimport is_new_clock

cdef unsigned int _MODULO
cdef unsigned int _HALF
cdef int _MAX_DROPOUT
cdef int _MAX_MISORDER
cdef int _MAX_TOTAL_LOST
cdef int _MIN_TOTAL_LOST


@cython.final
cdef class ReceiveStats:
    cdef public unsigned int clock_rate
    cdef public long long packets
    cdef public long long bytes
    cdef public long long packets_discarded
    cdef public long long packets_lost
    cdef public int fraction_lost
    cdef public long long reported_packets_lost
    cdef public unsigned int last_timestamp
    cdef public long long last_packet_us
    cdef public unsigned int max_timestamp
    cdef public long long max_timestamp_us
    cdef bint _started
    cdef long long _cycles
    cdef unsigned short _max_sequence
    cdef unsigned int _base_sequence
    cdef int _bad_sequence
    cdef long long _received
    cdef long long _lost_before_restart
    cdef long long _expected_before_restart
    cdef long long _expected_prior
    cdef long long _received_prior
    cdef unsigned int _transit
    cdef bint _has_transit
    cdef unsigned int _jitter_q4

    @cython.locals(outcome=int)
    cpdef int on_packet(self, unsigned short sequence_number, unsigned int timestamp, Py_ssize_t size, long long now_us) noexcept

    @cython.locals(step=int)
    cpdef int on_recovered(self, unsigned short sequence_number) noexcept

    cpdef void restart(self, unsigned short sequence_number, unsigned int timestamp, long long now_us) noexcept

    @cython.locals(step=int)
    cdef int _validate(self, unsigned short sequence_number) noexcept

    cdef void _begin(self, unsigned short sequence_number) noexcept

    cdef void _follow_clock(self, unsigned int timestamp, long long now_us, bint begins) noexcept

    @cython.locals(arrival=cython.uint, transit=cython.uint, difference=cython.uint)
    cdef void _update_jitter(self, unsigned int timestamp, long long now_us) noexcept

    cdef long long _expected(self) noexcept

    cpdef unsigned int max_sequence(self) noexcept

    cpdef long long packets_expected(self) noexcept

    cpdef unsigned int jitter(self) noexcept

    @cython.locals(
        expected=cython.longlong, lost_before=cython.longlong, expected_interval=cython.longlong,
        lost_interval=cython.longlong, fraction=int,
    )
    cpdef int end_interval(self, int worst_remote_fraction_lost) noexcept

    cpdef int reported_total(self) noexcept
