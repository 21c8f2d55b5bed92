cimport cython

from miso.worker.sctp cimport enums


@cython.final
cdef class CongestionControl:
    cdef public long long window
    cdef public long long threshold
    cdef public bint in_fast_recovery
    cdef public long long recovery_exit
    cdef long long _partial_bytes_acked

    cpdef void on_acknowledged(self, long long acked, long long flight_before, long long cumulative) noexcept

    cpdef void on_all_acknowledged(self) noexcept

    cpdef void on_fast_retransmit(self, long long highest_tsn) noexcept

    cpdef void on_timeout(self) noexcept

    cpdef void on_idle(self) noexcept
