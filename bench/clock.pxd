"""The kernel's clocks, for the load and the floor."""

from libc.stdint cimport int64_t, uint64_t

cdef extern from "<time.h>" nogil:
    int CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC, TIMER_ABSTIME
    cdef struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec *now)
    int clock_nanosleep(int clock, int flags, const timespec *until, timespec *left)


cdef enum:
    NS_PER_S = 1000000000


cdef inline uint64_t cpu_ns() noexcept nogil:
    """Used by this thread."""
    cdef timespec now
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
    return <uint64_t>now.tv_sec * NS_PER_S + now.tv_nsec


cdef inline int64_t now_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t>now.tv_sec * NS_PER_S + now.tv_nsec


cdef inline void sleep_until(int64_t at_ns) noexcept nogil:
    """Sleeps until ``now_ns`` says that."""
    cdef timespec until
    until.tv_sec = at_ns // NS_PER_S
    until.tv_nsec = at_ns % NS_PER_S
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL)
