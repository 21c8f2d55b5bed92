# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""How long what is due has to wait for the event loop: a histogram, from a timer of the kernel's that ticks all the time.

What may come 100 ms later is done at the ticks, too: a worker wakes up for them anyway, and finds its memory cold after
each sleep, which costs more than what is done then. So as long as there is nothing to do for control, no Python runs.

A tick stands for a packet that comes at any time. Ticks that went by while the loop did something else are found together,
and each counts with its own delay, so that one stall of half a second counts five times.
"""

import os

from libc.stdint cimport int64_t, uint64_t
from posix.time cimport CLOCK_MONOTONIC, itimerspec
from posix.unistd cimport close, read

from miso.worker.clocks cimport now_us
from miso.worker.ticked cimport TICK_US, Ticked

cdef extern from "<sys/timerfd.h>" nogil:
    int timerfd_create(int clock, int flags)
    int timerfd_settime(int fd, int flags, const itimerspec *value, itimerspec *before)
    int TFD_CLOEXEC, TFD_NONBLOCK, TFD_TIMER_ABSTIME

cdef enum:
    BOUNDS = 11
    SECOND_US = 1_000_000
    STOOD_STILL_US = 1_000_000  # a tick that comes later than that: the worker, or its machine, was stopped

NEVER_US = -(1 << 62)
INTERVAL_US = TICK_US
BOUNDS_US = (500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)
cdef int64_t LIMITS_US[BOUNDS]
LIMITS_US[:] = BOUNDS_US


cdef class LoopDelay:
    """The histogram of one event loop."""

    cdef public Ticked ticked
    cdef public object on_events
    cdef uint64_t _counts[BOUNDS + 1]
    cdef uint64_t _sum_us
    cdef int64_t _due_us  # when the next tick is due, 0 when none is
    cdef int64_t _stood_until_us
    cdef int _fd

    def __cinit__(self):
        self._fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)
        if self._fd < 0:
            raise OSError("no timer for the event loop's delay")
        for index in range(BOUNDS + 1):
            self._counts[index] = 0
        self._sum_us = 0
        self._stood_until_us = NEVER_US

    def __dealloc__(self):
        if self._fd >= 0:
            close(self._fd)

    @property
    def fileno(self):
        """Readable when a tick is due."""
        return self._fd

    @property
    def counts(self):
        """How many ticks waited no longer than each of ``BOUNDS_US``, and longer than the one before; then the rest."""
        return [self._counts[index] for index in range(BOUNDS + 1)]

    @property
    def sum_us(self):
        """How long all ticks together have waited."""
        return self._sum_us

    def start(self):
        """Ticks every ``INTERVAL_US`` from now on."""
        self._due_us = now_us() + TICK_US
        self._set(self._due_us)

    def stop(self):
        """Does not tick."""
        self._due_us = 0
        self._set(0)

    def stood_until_us(self):
        self._notice(now_us())
        return self._stood_until_us

    def on_tick(self):
        """Counts the ticks that are due: to be called when ``fileno`` is readable."""
        cdef uint64_t ticks
        cdef int64_t at_us
        if read(self._fd, &ticks, sizeof(ticks)) != sizeof(ticks):
            return
        at_us = now_us()
        self._notice(at_us)
        self._count(at_us - self._due_us, ticks)
        self._due_us += <int64_t>ticks * TICK_US
        if self.ticked is not None:
            events = self.ticked.on_tick(at_us)
            if events is not None:
                self.on_events(events, at_us)

    def count(self, int64_t first_us, uint64_t ticks):
        """So many ticks were found at once, the first of them so late."""
        self._count(first_us, ticks)

    cdef void _notice(self, int64_t at_us) noexcept:
        if self._due_us != 0 and at_us - self._due_us > STOOD_STILL_US:
            self._stood_until_us = at_us

    cdef void _count(self, int64_t late_us, uint64_t ticks) noexcept:
        cdef int bucket
        for _ in range(ticks):
            late_us = max(late_us, 0)
            bucket = 0
            while bucket < BOUNDS and late_us > LIMITS_US[bucket]:
                bucket += 1
            self._counts[bucket] += 1
            self._sum_us += late_us
            late_us -= TICK_US

    cdef void _set(self, int64_t first_us) noexcept:
        """Ticks from that time on; 0: not at all."""
        cdef itimerspec value
        value.it_value.tv_sec = first_us // SECOND_US
        value.it_value.tv_nsec = (first_us % SECOND_US) * 1000
        value.it_interval.tv_sec = 0
        value.it_interval.tv_nsec = TICK_US * 1000
        timerfd_settime(self._fd, TFD_TIMER_ABSTIME, &value, NULL)
