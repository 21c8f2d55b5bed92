# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The floor: a loop in C that protects a packet and sends it with one ``sendto``, and does nothing else.

Each receiver has its own sending socket and its own SRTP session, as each consumer on a transport of its own has.
"""

import os
import socket

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from bench.clock cimport cpu_ns, now_ns, sleep_until
from bench.loopback cimport MSG_DONTWAIT, name_port, sendto, sockaddr_in
from miso.worker.dataplane.transport.libsrtp cimport SrtpSession

from miso.worker.dataplane.transport.libsrtp import SrtpSession as Session

cdef enum:
    MAX_SIZE = 1600
    TURN = 100


cdef class Floor:
    """Sends to the addresses in turn.

    Attributes:
        failed: packets that libsrtp or the kernel refused.
    """

    cdef readonly unsigned long long failed
    cdef int _count
    cdef list _sockets
    cdef list _sessions
    cdef sockaddr_in *_names
    cdef int *_fds
    cdef int _next
    cdef unsigned short _sequence
    cdef unsigned char _slot[MAX_SIZE]

    def __cinit__(self, list ports not None, suite, key):
        self._count = len(ports)
        self._names = <sockaddr_in *>calloc(self._count, sizeof(sockaddr_in))
        self._fds = <int *>calloc(self._count, sizeof(int))
        if self._names == NULL or self._fds == NULL:
            raise MemoryError

    def __init__(self, list ports not None, suite, key):
        """``ports`` on 127.0.0.1; ``suite`` None: without SRTP; ``key`` is master key and salt."""
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in ports]
        self._sessions = [None if suite is None else Session(suite, key, inbound=False) for _ in ports]
        for index, port in enumerate(ports):
            self._fds[index] = self._sockets[index].fileno()
            name_port(&self._names[index], port)
        payload = os.urandom(MAX_SIZE)
        for index in range(MAX_SIZE):
            self._slot[index] = payload[index]
        memset(self._slot, 0, 12)
        self._slot[0] = 0x80
        self._slot[1] = 101

    def __dealloc__(self):
        free(self._names)
        free(self._fds)

    def run(self, int packets, int packet_size, double packets_per_second):
        """Nanoseconds of CPU of this thread for ``packets`` of ``packet_size`` bytes, sent in turns of a hundred."""
        cdef uint64_t total = 0, begin
        cdef int done = 0, count
        cdef int64_t started = now_ns()
        if not 12 < packet_size <= MAX_SIZE - 200:
            raise ValueError(f"packet size is {packet_size}, expected 13 to {MAX_SIZE - 200}")
        while done < packets:
            sleep_until(started + <int64_t>(done * 1e9 / packets_per_second))
            count = min(TURN, packets - done)
            begin = cpu_ns()
            self._send(count, packet_size)
            total += cpu_ns() - begin
            done += count
        return total

    cdef void _send(self, int packets, int packet_size) noexcept:
        cdef int count, size
        cdef SrtpSession session
        for count in range(packets):
            if self._next == 0:
                self._sequence += 1
                self._slot[2] = self._sequence >> 8
                self._slot[3] = self._sequence & 0xFF
            size = packet_size
            session = self._sessions[self._next]
            if session is not None and session.protect(self._slot, &size) != 0:
                self.failed += 1
            elif sendto(
                self._fds[self._next], self._slot, size, MSG_DONTWAIT, &self._names[self._next], sizeof(sockaddr_in)
            ) < 0:
                self.failed += 1
            self._next += 1
            if self._next == self._count:
                self._next = 0

    def close(self):
        """Closes the sending sockets. Idempotent."""
        for sock in self._sockets:
            sock.close()
