"""The clocks that all of the worker counts by."""

from libc.stdint cimport int64_t, uint64_t
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, timespec


cdef inline int64_t now_us() noexcept nogil:
    """Microseconds of ``CLOCK_MONOTONIC``."""
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t>now.tv_sec * 1000000 + now.tv_nsec // 1000


cdef inline uint64_t ntp_now() noexcept nogil:
    """64-bit NTP timestamp of the wall clock (RFC 5905 section 6): seconds since 1900, 32 bits, and their parts."""
    cdef timespec now
    clock_gettime(CLOCK_REALTIME, &now)
    return (<uint64_t>now.tv_sec + <uint64_t>2208988800U) << 32 | (<uint64_t>now.tv_nsec << 32) // <uint64_t>1000000000
