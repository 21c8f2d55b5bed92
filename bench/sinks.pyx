# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The receivers' sockets.

Nobody ever waits on them: they are emptied now and then, with ``recvmmsg``, so that whoever sends to them wakes no process
and pays for sending only.
"""

import socket

from libc.stdint cimport int64_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

cdef extern from * nogil:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <sys/socket.h>
    #include <time.h>
    """
    int MSG_DONTWAIT, SOL_SOCKET, SCM_TIMESTAMPNS
    cdef struct iovec:
        void *iov_base
        size_t iov_len
    cdef struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
    cdef struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    cdef struct cmsghdr:
        int cmsg_level
        int cmsg_type
    cmsghdr *CMSG_FIRSTHDR(msghdr *message)
    unsigned char *CMSG_DATA(cmsghdr *control)
    cdef struct timespec:
        long tv_sec
        long tv_nsec
    int recvmmsg(int fd, mmsghdr *messages, unsigned int count, int flags, void *timeout)

cdef enum:
    BATCH = 64
    HALF = 0x8000  # of the sequence numbers: what is further ahead is behind
    PAYLOAD_TYPE = 101  # as bench.room says
    CONTROL = 64  # bytes, for one time
    CONTROL_WORDS = 8
    NS_PER_S = 1000000000

_BUFFER_BYTES = 8 * 1024 * 1024
_KERNEL_BYTES_PER_PACKET = 4096  # of the buffer, for a datagram of 1100 bytes
_SO_RCVBUFFORCE = 33  # Linux, needs CAP_NET_ADMIN
_SO_TIMESTAMPNS = 35  # Linux; SO_TIMESTAMPNS of socket(7)

cdef mmsghdr messages[BATCH]
cdef iovec vectors[BATCH]
cdef unsigned char headers[BATCH][HEAD]
cdef uint64_t controls[BATCH][CONTROL_WORDS]  # aligned


cdef inline void count_packet(Counts *counts, uint16_t sequence) noexcept nogil:
    """The next packet of a receiver."""
    cdef uint16_t ahead = <uint16_t>(sequence - counts.next)
    if counts.received == 0 or ahead < HALF:
        if counts.received:
            counts.missing += ahead
        counts.next = <uint16_t>(sequence + 1)
    else:
        counts.again += 1
    counts.received += 1


cdef inline int64_t arrival_ns(msghdr *message) noexcept nogil:
    """When the kernel got a datagram; 0 when it does not say."""
    cdef cmsghdr *control = CMSG_FIRSTHDR(message)
    cdef timespec at
    if control == NULL or control.cmsg_level != SOL_SOCKET or control.cmsg_type != SCM_TIMESTAMPNS:
        return 0
    memcpy(&at, CMSG_DATA(control), sizeof(at))
    return <int64_t>at.tv_sec * NS_PER_S + at.tv_nsec


cdef class Sinks:
    """Sockets on 127.0.0.1, one for each receiver.

    Attributes:
        addresses: of the sockets, (IP, port).
        streams: that each receiver gets.
        capacity: datagrams that each holds at least before the kernel drops.
        received: RTP packets with an SSRC that belongs to their socket.
        others: other datagrams (RTCP, probation).
    """

    def __cinit__(self, int count, int streams=1):
        self._fds = <int *>calloc(count, sizeof(int))
        self._ssrcs = <uint32_t *>calloc(count, sizeof(uint32_t))
        self._counts = <Counts *>calloc(count * streams, sizeof(Counts))
        if self._fds == NULL or self._ssrcs == NULL or self._counts == NULL:
            raise MemoryError
        memset(messages, 0, sizeof(messages))
        for index in range(BATCH):
            vectors[index].iov_base = headers[index]
            vectors[index].iov_len = HEAD
            messages[index].msg_hdr.msg_iov = &vectors[index]
            messages[index].msg_hdr.msg_iovlen = 1
            messages[index].msg_hdr.msg_control = controls[index]

    def __init__(self, int count, int streams=1):
        self.count = count
        self.streams = streams
        self._sockets = []
        for index in range(count):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._sockets.append(sock)
            try:
                sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
            except PermissionError:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
            sock.bind(("127.0.0.1", 0))
            self._fds[index] = sock.fileno()
        self.addresses = [sock.getsockname() for sock in self._sockets]
        self.capacity = self._sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // _KERNEL_BYTES_PER_PACKET

    def __dealloc__(self):
        free(self._fds)
        free(self._ssrcs)
        free(self._counts)

    def expect(self, ssrcs):
        """The SSRC of each receiver's first stream, its others have the next even ones; counting begins anew."""
        for index, ssrc in enumerate(ssrcs):
            self._ssrcs[index] = ssrc
        memset(self._counts, 0, self.count * self.streams * sizeof(Counts))
        self.received = 0
        self.others = 0

    def each(self):
        """What has come of each receiver's streams since counting began: packets, how many are missing, how many not new.

        One is missed when a later one comes: by the gap in the sequence numbers (RFC 3550 section 5.1). One whose
        number is not above those before was sent again, or came late.
        """
        return [
            (self._counts[index].received, self._counts[index].missing, self._counts[index].again)
            for index in range(self.count * self.streams)
        ]

    cpdef int drain(self):
        """Takes what waits, and returns how many datagrams that were."""
        cdef int index, got, packet, total = 0
        cdef unsigned char *header
        cdef uint32_t ssrc, ahead  # of the first stream's
        for index in range(self.count):
            while True:
                if self._timed:  # the kernel has written how much it used
                    for packet in range(BATCH):
                        messages[packet].msg_hdr.msg_controllen = CONTROL
                got = recvmmsg(self._fds[index], messages, BATCH, MSG_DONTWAIT, NULL)
                if got <= 0:
                    break
                total += got
                for packet in range(got):
                    header = headers[packet]
                    ssrc = <uint32_t>header[8] << 24 | <uint32_t>header[9] << 16 | <uint32_t>header[10] << 8 | header[11]
                    ahead = ssrc - self._ssrcs[index]
                    if header[1] & 0x7F == PAYLOAD_TYPE and ahead % 2 == 0 and ahead // 2 < <uint32_t>self.streams:
                        self.received += 1
                        count_packet(&self._counts[index * self.streams + ahead // 2], <uint16_t>(header[2] << 8 | header[3]))
                        self.take(
                            index,
                            header,
                            messages[packet].msg_len,
                            arrival_ns(&messages[packet].msg_hdr) if self._timed else 0,
                        )
                    else:
                        self.others += 1
                if got < BATCH:
                    break
        return total

    cdef void take(self, int index, const unsigned char *head, int size, int64_t at_ns) noexcept:
        """An RTP packet came for a receiver: its first bytes, at most ``HEAD``, and when, if that is asked for.

        Those who look at it are derived.
        """

    def close(self):
        """Closes the sockets. Idempotent."""
        for sock in self._sockets:
            sock.close()


cdef class TimedSinks(Sinks):
    """Sockets that remember when each packet came, by the kernel's clock (CLOCK_REALTIME).

    Packets are told apart by their sequence numbers, from the one that is due when remembering begins: what was sent
    before has to have come by then. Each receiver has one stream.
    """

    cdef int64_t *_times
    cdef int _packets
    cdef list _first

    def __init__(self, int count):
        Sinks.__init__(self, count)
        self._timed = True
        self._first = [0] * count
        for sock in self._sockets:
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)

    def __dealloc__(self):
        free(self._times)

    def begin(self, int packets):
        """Remembers the times of the next packets of each receiver, fewer than half of the sequence numbers."""
        if not 0 < packets < HALF:
            raise ValueError(f"packets are {packets}, expected 1 to {HALF - 1}")
        free(self._times)
        self._times = <int64_t *>calloc(<size_t>self.count * packets, sizeof(int64_t))
        if self._times == NULL:
            raise MemoryError
        self._packets = packets
        self._first = [self._counts[index].next for index in range(self.count)]

    def times(self, int index):
        """Of a receiver, in ns, by the packets' numbers; 0 of what did not come."""
        if not 0 <= index < self.count:
            raise IndexError(index)
        return [self._times[index * self._packets + number] for number in range(self._packets)]

    cdef void take(self, int index, const unsigned char *head, int size, int64_t at_ns) noexcept:
        cdef uint16_t number = <uint16_t>((head[2] << 8 | head[3]) - <int>self._first[index])
        if number < self._packets:
            self._times[index * self._packets + number] = at_ns
