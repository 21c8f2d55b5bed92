# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The floor of a check: a loop in C that receives datagrams and sends each back, and does nothing else."""

import socket

cdef extern from * nogil:
    """
    #include <netinet/in.h>
    #include <sys/socket.h>
    """
    cdef struct sockaddr_in:
        pass
    long recvfrom(int fd, void *data, size_t size, int flags, void *address, unsigned int *address_size)
    long sendto(int fd, const void *data, size_t size, int flags, const void *address, unsigned int address_size)

cdef enum:
    MAX_SIZE = 1600


cdef class Echo:
    """Gives back what it gets.

    Attributes:
        port: where it receives, on 127.0.0.1.
    """

    cdef readonly int port
    cdef object _socket
    cdef unsigned char _slot[MAX_SIZE]

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024 * 1024)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    def run(self):
        """Until the process is ended."""
        cdef int fd = self._socket.fileno()
        cdef sockaddr_in name
        cdef unsigned int name_size
        cdef long size
        with nogil:
            while True:
                name_size = sizeof(name)
                size = recvfrom(fd, self._slot, MAX_SIZE, 0, &name, &name_size)
                if size >= 0:
                    sendto(fd, self._slot, size, 0, &name, name_size)
