# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""All UDP sockets of a worker behind one descriptor: an epoll instance of their own (epoll(7)), watched by the event loop.

The loop calls once, however many peers have sent something, and what calls them is compiled: after a sleep Python's code
is cold. And libuv stops to watch a descriptor that has an error to tell (``uv__poll_io``), though a connected UDP socket
only says by it that an earlier datagram was refused (udp(7)).
"""

from libc.errno cimport errno
from libc.stdint cimport int64_t, uint32_t
from posix.unistd cimport close

from miso.worker.clocks cimport now_us

from miso.worker.net.wake_up import WakeUp

cdef extern from "<sys/epoll.h>" nogil:
    ctypedef union epoll_data_t:
        void *ptr
    cdef struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int operation, int fd, epoll_event *event)
    int epoll_wait(int epoll, epoll_event *events, int count, int timeout_ms)
    int EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL
    uint32_t EPOLLIN

cdef enum:
    READY = 64  # that the kernel tells of at once
    TURN_US = 4000  # in one turn of the event loop; then commands have theirs


cdef class Poller:
    """The readable ones of many descriptors; has the methods of an event loop that ``LoopSocket`` uses."""

    cdef object _loop
    cdef dict _callbacks  # by descriptor; keeps alive what the kernel's events point to
    cdef epoll_event _ready[READY]
    cdef int _count  # of ``_ready``
    cdef int _next  # of these, to be called
    cdef bint _is_calling
    cdef int _fd

    def __cinit__(self):
        self._count = self._next = 0
        self._fd = epoll_create1(EPOLL_CLOEXEC)
        if self._fd < 0:
            raise OSError(errno, "no descriptor to watch sockets by")

    def __dealloc__(self):
        if self._fd >= 0:
            close(self._fd)

    def __init__(self, loop):
        self._loop = loop
        self._callbacks = {}

    @property
    def fileno(self):
        return self._fd

    def add_reader(self, int fd, callback not None):
        cdef epoll_event event
        before = self._callbacks.get(fd)
        event.events = EPOLLIN
        event.data.ptr = <void *>callback
        if not self._callbacks:
            self._loop.add_reader(self._fd, WakeUp(self, self.call_ready).run)
        self._callbacks[fd] = callback  # before the kernel has it: it must not outlive what it points to
        if epoll_ctl(self._fd, EPOLL_CTL_ADD if before is None else EPOLL_CTL_MOD, fd, &event) != 0:
            error = OSError(errno, "a socket cannot be watched")
            if before is not None:
                self._callbacks[fd] = before
            else:
                self._drop(fd)
            raise error
        if before is not None:
            self._forget(before)

    def remove_reader(self, int fd):
        if fd not in self._callbacks:
            return False
        epoll_ctl(self._fd, EPOLL_CTL_DEL, fd, NULL)
        self._drop(fd)
        return True

    cdef int _drop(self, int fd) except -1:
        self._forget(self._callbacks.pop(fd))
        if not self._callbacks:
            self._loop.remove_reader(self._fd)
        return 0

    def call_ready(self):
        cdef int64_t until_us = now_us() + TURN_US
        if self._is_calling:  # from within a callback
            return
        if self._next == self._count:
            self._next = 0
            self._count = max(epoll_wait(self._fd, self._ready, READY, 0), 0)
        self._is_calling = True
        try:
            while self._next < self._count:
                self._next += 1
                if self._ready[self._next - 1].data.ptr != NULL:
                    callback = <object>self._ready[self._next - 1].data.ptr
                    callback()
                    if now_us() >= until_us:
                        break  # the rest of these comes before others in the next turn
        finally:
            self._is_calling = False

    cdef void _forget(self, callback) noexcept:
        """One that is ready, too, is not called any more."""
        cdef int index
        for index in range(self._next, self._count):
            if self._ready[index].data.ptr == <void *>callback:
                self._ready[index].data.ptr = NULL
