# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The floor: a loop in C that sends each frame of a file to many sockets when its time has come, and nothing else."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free

from bench.clock cimport cpu_ns, now_ns, sleep_until

cdef extern from "<sys/socket.h>" nogil:
    int MSG_DONTWAIT, MSG_NOSIGNAL
    long send(int fd, const void *data, size_t size, int flags)


cdef class FrameFloor:
    """Sends frames.

    Attributes:
        sent: bytes that the kernel took.
        refused: frames that it did not take whole.
    """

    cdef readonly uint64_t sent
    cdef readonly uint64_t refused
    cdef list _frames
    cdef list _times_ms
    cdef int *_fds
    cdef int _count

    def __cinit__(self, list frames not None, list times_ms not None, list fds not None):
        self._count = len(fds)
        self._fds = <int *>calloc(max(self._count, 1), sizeof(int))
        if self._fds == NULL:
            raise MemoryError

    def __init__(self, list frames not None, list times_ms not None, list fds not None):
        """``frames`` of bytes, each to be sent at its time in ``times_ms``, to each of ``fds``."""
        self._frames = frames
        self._times_ms = times_ms
        for index, fd in enumerate(fds):
            self._fds[index] = fd

    def __dealloc__(self):
        free(self._fds)

    def run(self, double seconds):
        """Sends for so long, from the file's beginning. Returns nanoseconds of CPU of this thread."""
        cdef uint64_t total = 0, begin
        cdef int64_t started = now_ns()
        cdef int64_t at_ms
        cdef bytes frame
        cdef const char *data
        cdef Py_ssize_t size
        for frame, time_ms in zip(self._frames, self._times_ms):
            at_ms = time_ms
            if at_ms >= seconds * 1000:
                break
            data = frame
            size = len(frame)
            with nogil:
                sleep_until(started + at_ms * 1000000)
                begin = cpu_ns()
                self._send(data, size)
                total += cpu_ns() - begin
        return total

    cdef void _send(self, const char *data, Py_ssize_t size) noexcept nogil:
        cdef int index
        cdef long taken
        for index in range(self._count):
            taken = send(self._fds[index], data, size, MSG_DONTWAIT | MSG_NOSIGNAL)
            if taken > 0:
                self.sent += taken
            if taken != size:
                self.refused += 1
