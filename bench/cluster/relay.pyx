# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The floor of a pipe: a loop in C that receives datagrams and sends each on, and does nothing else."""

import socket

from libc.stdint cimport uint64_t

from bench.clock cimport cpu_ns

cdef extern from * nogil:
    """
    #include <sys/socket.h>
    """
    long recv(int fd, void *data, size_t size, int flags)
    long send(int fd, const void *data, size_t size, int flags)

cdef enum:
    MAX_SIZE = 1600
    LAST_SIZE = 1  # a datagram of one byte ends it


cdef class Relay:
    """Receives on one socket, sends on another one.

    Attributes:
        port: where it receives, on 127.0.0.1.
        relayed: how many datagrams it has sent on.
    """

    cdef readonly int port
    cdef readonly uint64_t relayed
    cdef object _receiving, _sending
    cdef unsigned char _slot[MAX_SIZE]

    def __init__(self, int port):
        """``port`` of 127.0.0.1: where to."""
        self._receiving = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._receiving.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024 * 1024)
        self._receiving.bind(("127.0.0.1", 0))
        self.port = self._receiving.getsockname()[1]
        self._sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sending.connect(("127.0.0.1", port))

    def run(self):
        """Until a datagram of one byte comes; the CPU time that it took, in ns."""
        cdef int receiving = self._receiving.fileno(), sending = self._sending.fileno()
        cdef long size = 0
        cdef uint64_t begin = cpu_ns()
        with nogil:
            while True:
                size = recv(receiving, self._slot, MAX_SIZE, 0)
                if size <= LAST_SIZE:
                    break
                send(sending, self._slot, size, 0)
                self.relayed += 1
        return cpu_ns() - begin
