# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""TCP connections with RFC 4571 framing: each datagram after its length in two bytes.

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |            LENGTH             |  packet, LENGTH bytes …       |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

import os

from libc.string cimport memcpy

from miso.worker.dataplane.plane cimport RECEIVE_COUNT, WAKEUP_CONTROL_US, Plane
from miso.worker.dataplane.producer.producer cimport forward_batch
from miso.worker.dataplane.sanitizer cimport set_packet_size
from miso.worker.dataplane.sockets.addresses cimport PeerAddress, key_of_address
from miso.worker.dataplane.sockets.batch cimport MAX_PACKET, Batch, Endpoint, Section
from miso.worker.dataplane.sockets.peer_table cimport PeerKey
from miso.worker.dataplane.sockets.posix cimport (
    EAGAIN,
    EINTR,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    MSG_PEEK,
    errno,
    iovec,
    msghdr,
    recv,
    sendmsg,
    ssize_t,
)
from miso.worker.dataplane.sockets.stun_gate cimport StunGate
from miso.worker.dataplane.sockets.write_buffer cimport WriteBuffer
from miso.worker.dataplane.transport.transport cimport TransportPlane
from miso.worker.rtp.big_endian cimport write_u16
from miso.worker.rtp.enums cimport STUN
from miso.worker.rtp.packet cimport classify

from miso.worker.dataplane.events import ConnectionClosed, StunReceived
from miso.worker.errors import InvalidStateError

cdef enum:
    MAX_FRAME = 8192  # longer than any STUN, DTLS or media datagram: the peer does not speak RFC 4571
    MAX_WAITING = 524288  # bytes
    READ_SIZE = 65536
    LENGTH_SIZE = 2  # bytes before each packet
    MAX_LENGTH = 65535  # that they can tell
    WAKEUP_FRAMES = 128  # as many as datagrams of a UDP socket
    WAKEUP_FORWARDS = 1024

# One read at a time, of any connection; one thread runs the plane.
cdef unsigned char incoming[MAX_FRAME + LENGTH_SIZE + READ_SIZE]


cdef class TcpConnection(Endpoint):
    """An accepted non-blocking TCP connection with RFC 4571 framing; at most 512 KiB wait to be written.

    A frame that does not fit is dropped whole and counted: media over a slow TCP peer loses packets, not memory.
    """

    cdef public object owner
    cdef public object remote_address
    cdef public object on_blocked
    cdef public StunGate stun_gate
    cdef Plane plane
    cdef PeerKey _key  # of the remote address
    cdef int _frames  # of this wake-up
    cdef unsigned long long _forwarded  # by the plane, when this wake-up began
    cdef TransportPlane _transport  # whose the connection is, None: nobody's yet
    cdef bytes _partial  # the beginning of a frame whose end has not come
    cdef WriteBuffer _waiting  # frames that the kernel has not taken
    cdef bint _failed  # and control has been told

    def __init__(self, Plane plane not None, int fd, remote_address):
        self.plane = plane
        self.fd = fd
        self.remote_address = remote_address
        key_of_address(remote_address, &self._key)
        self._partial = b""
        self._waiting = WriteBuffer()

    # ------------------------------------------------------------ reading

    def receive(self, long long now_us):
        """Reads what waits (bounded per wake-up), forwards media, returns what control must act on.

        When it stops at its bound, the rest waits in the kernel and a level-triggered event loop calls again.
        """
        cdef Plane plane = self.plane
        plane.begin(now_us)
        self._frames = 0
        self._forwarded = plane.forwarded
        while not self.closed and self._may_go_on() and self._read():
            pass
        forward_batch(plane)
        return plane.finish()

    cdef bint _may_go_on(self) noexcept:
        """Whether this wake-up has done less than a bounded amount of work."""
        cdef Plane plane = self.plane
        return (
            self._frames < WAKEUP_FRAMES
            and plane.forwarded - self._forwarded < WAKEUP_FORWARDS
            and plane.control_us < WAKEUP_CONTROL_US
        )

    cdef bint _read(self):
        """Looks at what waits and takes the frames that may be handled now; False when there is no more."""
        cdef int kept = len(self._partial), end, at = 0, size, used = 0
        cdef ssize_t got
        memcpy(incoming, <const unsigned char *>self._partial, kept)
        got = recv(self.fd, incoming + kept, READ_SIZE, MSG_DONTWAIT | MSG_PEEK)
        if got < 0:
            if errno != EAGAIN and errno != EINTR:
                self._fail(os.strerror(errno))
            return False
        if got == 0:
            self._fail("the peer closed the connection")
            return False
        end = kept + <int>got
        while end - at >= LENGTH_SIZE:
            size = incoming[at] << 8 | incoming[at + 1]
            if size > MAX_FRAME:
                self._fail(f"frame of {size} bytes, expected at most {MAX_FRAME}")
                return False
            if end - at - LENGTH_SIZE < size:
                break
            if not self._may_go_on():
                forward_batch(self.plane)
                self._take(kept, at)
                return False
            if used == RECEIVE_COUNT:
                forward_batch(self.plane)
                used = 0
            self._handle(incoming + at + LENGTH_SIZE, size, used)
            used += 1
            at += LENGTH_SIZE + size
            self._frames += 1
            if self.closed:
                return False
        forward_batch(self.plane)
        if not self._take(kept, end):
            return False
        self._partial = incoming[at:end]
        return got == READ_SIZE

    cdef bint _take(self, int kept, int end) except -1:
        """Takes out of the kernel's buffer what was looked at up to ``end``; false when the connection has failed."""
        cdef int wanted = end - kept
        cdef ssize_t got
        self._partial = b""
        while wanted > 0:
            got = recv(self.fd, incoming + end - wanted, wanted, MSG_DONTWAIT)
            if got > 0:
                wanted -= <int>got
            elif got == 0 or errno != EINTR:
                self._fail("the peer closed the connection" if got == 0 else os.strerror(errno))
                return False
        return True

    cdef void _handle(self, const unsigned char *frame, int size, int slot_index) noexcept:
        cdef Plane plane = self.plane
        cdef unsigned char *slot = plane.receive_slot(slot_index)
        cdef int kind = classify(frame, size)
        plane.count.received += 1
        if size > MAX_PACKET:
            plane.count.truncated += 1
            return
        set_packet_size(slot, size)
        memcpy(slot, frame, size)
        if self._transport is not None:
            self._transport.received.update(size, plane.now_us)
        if kind == STUN:
            if self.stun_gate is None or self.stun_gate.admit(plane, slot, size, self._transport, &self._key):
                plane.events.append(StunReceived(self, self.remote_address, slot[:size]))
        elif self._transport is not None:
            if self._transport.expects(self, NULL):
                self._transport.handle(kind, slot, size, False)
            else:
                self._transport.handle_elsewhere(kind, slot, size, self, self.remote_address)
        else:
            plane.count.unknown_sender += 1

    cdef int _fail(self, reason) except -1:
        if not self._failed:
            self._failed = True
            forward_batch(self.plane)
            self.plane.events.append(ConnectionClosed(self, reason))
        self._close()
        return 0

    # ------------------------------------------------------------ writing

    cdef void transmit(self, Batch batch, const Section *section) noexcept:
        cdef int index
        for index in range(section.first, section.first + section.count):
            if not self._write(batch.slot(index), batch.sizes[index]):
                batch.take_back(index)

    cdef bint has_room(self, int size) noexcept:
        cdef int waiting = self._waiting.size()
        if waiting == 0:  # more than a batch fits
            return True
        waiting += self.plane.batch.waiting_for(self, LENGTH_SIZE)
        return waiting + LENGTH_SIZE + size <= MAX_WAITING

    def send(self, bytes data not None):
        """Sends one control datagram (STUN, DTLS) as a frame; False when it was dropped."""
        cdef bint sent = self.send_control(NULL, data, len(data))
        if sent and self._transport is not None:
            self._transport.sent.update(len(data), self.plane.now_us)
        self.plane.settle()
        return sent

    cdef bint send_control(self, const PeerAddress *to, const unsigned char *data, int size) noexcept:
        return self._write(data, size)

    cdef bint _write(self, const unsigned char *data, int size) noexcept:
        """Writes a frame, or lets what the kernel does not take of it wait; False when it was dropped."""
        cdef unsigned char head[LENGTH_SIZE]
        cdef iovec parts[2]
        cdef int frame_size = LENGTH_SIZE + size, done = 0
        if self.closed or size > MAX_LENGTH:
            return False
        write_u16(head, size)
        if self._waiting.size() == 0:
            parts[0].iov_base = head
            parts[0].iov_len = LENGTH_SIZE
            parts[1].iov_base = <void *>data
            parts[1].iov_len = size
            done = self._send_parts(parts, 2)
            if done == frame_size:
                self.plane.count.sent += 1
                return True
            if done < 0:
                if errno != EAGAIN and errno != EINTR:  # the reading side hears of it too, and tells
                    self.plane.count.send_failed += 1
                    return False
                done = 0
        if self._waiting.size() + frame_size - done > MAX_WAITING or not self._waiting.reserve(frame_size - done):
            self.plane.count.tcp_full += 1
            return False
        if self._waiting.size() == 0:
            self.plane.blocked.append(self)
        if done < LENGTH_SIZE:
            self._waiting.append(head + done, LENGTH_SIZE - done)
            done = LENGTH_SIZE
        self._waiting.append(data + done - LENGTH_SIZE, frame_size - done)
        self.plane.count.sent += 1
        return True

    cdef int _send_parts(self, iovec *parts, int count) noexcept:
        """How many bytes the kernel took, -1 for an error."""
        cdef msghdr message
        message.msg_name = NULL
        message.msg_namelen = 0
        message.msg_iov = parts
        message.msg_iovlen = count
        message.msg_control = NULL
        message.msg_controllen = 0
        message.msg_flags = 0
        return <int>sendmsg(self.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL)

    def flush(self):
        """Writes what waits; True when nothing waits any more (stop watching for writing)."""
        cdef iovec part
        cdef int done
        while self._waiting.size() > 0 and not self.closed:
            part.iov_base = self._waiting.begin()
            part.iov_len = self._waiting.size()
            done = self._send_parts(&part, 1)
            if done < 0:
                if errno == EINTR:
                    continue
                if errno == EAGAIN:
                    return False
                break  # broken: the reading side tells
            self._waiting.drop(done)
        self._waiting.clear()
        return True

    # ------------------------------------------------------------ transport

    cdef int resolve(self, object address, PeerAddress *result) except -1:
        result.size = 0  # the connection has one peer
        return 0

    def bind_transport(self, address, TransportPlane transport not None):
        """Called by ``TransportPlane.accept_from``: what comes on the connection is the transport's now."""
        if self.closed:
            raise InvalidStateError("the connection is closed")
        self._transport = transport

    def unbind_transport(self, address, TransportPlane transport not None):
        """Takes it back; no effect when the connection has become another transport's since."""
        if self._transport is transport:
            self._transport = None

    cdef void _close(self) noexcept:
        self.closed = True
        self._transport = None
        self._partial = b""
        self._waiting.clear()

    def close(self):
        """Nothing is read or written any more. The fd stays open."""
        self._close()
