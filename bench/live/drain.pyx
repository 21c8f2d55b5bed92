# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Takes what servers send to many TCP sockets, without looking at it: the kernel does not even copy it."""

import os

from libc.stdint cimport int64_t, uint32_t, uint64_t

from bench.clock cimport now_ns, sleep_until

cdef extern from * nogil:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <errno.h>
    #include <sys/epoll.h>
    #include <sys/socket.h>
    """
    int MSG_DONTWAIT, MSG_TRUNC, EPOLLIN, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CLOEXEC, EAGAIN, EINTR, errno
    cdef union epoll_data:
        int fd
    cdef struct epoll_event:
        uint32_t events
        epoll_data data
    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int operation, int fd, epoll_event *event)
    int epoll_wait(int epoll, epoll_event *events, int count, int timeout_ms)
    long recv(int fd, void *buffer, size_t size, int flags)

cdef enum:
    EVENTS = 256
    TURN_NS = 5000000  # so often, so that whoever sends wakes nobody
    AT_MOST = 1 << 30  # bytes of one receive: everything that is there


cdef class Drain:
    """Sockets whose bytes are counted and thrown away.

    Attributes:
        received: bytes, of all sockets.
        ended: sockets that the other end has closed, or that broke.
    """

    cdef readonly uint64_t received
    cdef readonly int ended
    cdef int _epoll

    def __cinit__(self):
        self._epoll = epoll_create1(EPOLL_CLOEXEC)
        if self._epoll < 0:
            raise OSError(errno, "epoll_create1")

    def __dealloc__(self):
        if self._epoll >= 0:
            os.close(self._epoll)

    def add(self, int fd):
        """One socket more."""
        cdef epoll_event event
        event.events = EPOLLIN
        event.data.fd = fd
        if epoll_ctl(self._epoll, EPOLL_CTL_ADD, fd, &event) < 0:
            raise OSError(errno, "epoll_ctl")

    def run(self, double seconds):
        """Drains for so long; other threads of Python run meanwhile."""
        cdef int64_t at = now_ns()
        cdef int64_t until = at + <int64_t>(seconds * 1e9)
        with nogil:
            while at < until:
                self._take()
                at += TURN_NS
                sleep_until(at)

    cdef void _take(self) noexcept nogil:
        cdef epoll_event events[EVENTS]
        cdef int index, ready
        cdef long got
        while True:
            ready = epoll_wait(self._epoll, events, EVENTS, 0)
            for index in range(ready):
                got = recv(events[index].data.fd, NULL, AT_MOST, MSG_DONTWAIT | MSG_TRUNC)
                if got > 0:
                    self.received += got
                elif got == 0 or (errno != EAGAIN and errno != EINTR):
                    self.ended += 1
                    epoll_ctl(self._epoll, EPOLL_CTL_DEL, events[index].data.fd, events)
            if ready < EVENTS:
                return
