# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""UDP sockets read and written in batches."""

from libc.string cimport memset

from miso.worker.dataplane.sockets.addresses cimport (
    PeerAddress,
    key_of_address,
    key_of_name,
    parse_address,
    text_of_name,
)
from miso.worker.dataplane.transport.control_allowance cimport TokenBucket, take
from miso.worker.dataplane.plane cimport MAX_PACKET, RECEIVE_COUNT, WAKEUP_CONTROL_US, Plane, UdpSender
from miso.worker.dataplane.sanitizer cimport SLOT_ROOM, fence
from miso.worker.dataplane.sockets.posix cimport (
    AF_INET,
    AF_INET6,
    EINTR,
    MSG_DONTWAIT,
    MSG_TRUNC,
    errno,
    getsockname,
    iovec,
    mmsghdr,
    recvmmsg,
    sockaddr_in6,
)
from miso.worker.dataplane.sockets.stun_gate cimport StunGate
from miso.worker.dataplane.tables cimport PeerKey, PeerTable
from miso.worker.dataplane.transport.transport cimport TransportPlane
from miso.worker.rtp.enums cimport STUN
from miso.worker.rtp.packet cimport classify

from miso.worker.dataplane.events import StunReceived, UnknownSender
from miso.worker.errors import InvalidStateError

cdef enum:
    WAKEUP_PACKETS = 128  # received in one wake-up at most
    WAKEUP_FORWARDS = 1024  # handed to consumers in one wake-up, about: 1 to 2 ms
    STRANGERS_PER_SECOND = 1000  # datagrams of addresses that nobody accepts, and STUN without a gate, shown to control

# Filled anew by every receive; one thread runs the plane.
cdef mmsghdr messages[RECEIVE_COUNT]
cdef iovec vectors[RECEIVE_COUNT]
cdef sockaddr_in6 names[RECEIVE_COUNT]


cdef class UdpSocket(UdpSender):
    """A bound non-blocking UDP socket; control owns the descriptor's Python socket, the plane reads and writes it."""

    cdef public bint report_unknown
    cdef public StunGate stun_gate  # None: control sees all STUN
    cdef TokenBucket _strangers
    cdef int _family
    cdef unsigned int _scope_id
    cdef PeerTable _table
    cdef dict _transports  # address → transport: keeps alive what the table points to
    cdef unsigned int _fan_out  # consumers per received packet, of the last batch

    def __init__(self, Plane plane not None, int fd):
        cdef sockaddr_in6 name
        cdef unsigned int size = sizeof(name)
        memset(&name, 0, sizeof(name))
        if getsockname(fd, &name, &size) != 0:
            raise OSError(errno, "getsockname failed")
        if name.sin6_family != AF_INET and name.sin6_family != AF_INET6:
            raise ValueError(f"descriptor {fd} is no IPv4 or IPv6 socket")
        self.plane = plane
        self.fd = fd
        self.segmentation = True
        self._family = name.sin6_family
        self._scope_id = name.sin6_scope_id if name.sin6_family == AF_INET6 else 0
        self._table = PeerTable()
        self._transports = {}
        self._fan_out = 1

    def receive(self, long long now_us):
        """Reads what waits (recvmmsg, bounded per wake-up), forwards media, returns what control must act on.

        When it stops at its bound, the descriptor is still readable and a level-triggered event loop calls again.
        """
        cdef Plane plane = self.plane
        cdef unsigned long long before = plane.forwarded, batch_before
        cdef int total = 0, wanted, got
        plane.begin(now_us)
        while (
            not self.closed
            and total < WAKEUP_PACKETS
            and plane.forwarded - before < WAKEUP_FORWARDS
            and plane.control_us < WAKEUP_CONTROL_US
        ):
            wanted = <int>((WAKEUP_FORWARDS - (plane.forwarded - before)) // self._fan_out)
            wanted = min(max(wanted, 1), RECEIVE_COUNT)
            batch_before = plane.forwarded
            got = self._receive_batch(wanted)
            if got <= 0:
                break
            total += got
            plane.forward()
            self._fan_out = max(<unsigned int>((plane.forwarded - batch_before) // got), 1)
            if got < wanted:
                break
        return plane.finish()

    cdef int _receive_batch(self, int wanted) noexcept:
        cdef Plane plane = self.plane
        cdef int index, got
        for index in range(wanted):
            fence(plane.receive_slot(index), SLOT_ROOM)
            vectors[index].iov_base = plane.receive_slot(index)
            vectors[index].iov_len = MAX_PACKET
            messages[index].msg_hdr.msg_name = &names[index]
            messages[index].msg_hdr.msg_namelen = sizeof(sockaddr_in6)
            messages[index].msg_hdr.msg_iov = &vectors[index]
            messages[index].msg_hdr.msg_iovlen = 1
            messages[index].msg_hdr.msg_control = NULL
            messages[index].msg_hdr.msg_controllen = 0
            messages[index].msg_hdr.msg_flags = 0
        got = recvmmsg(self.fd, messages, wanted, MSG_DONTWAIT, NULL)
        if got < 0:
            return -1 if errno != EINTR else 0
        for index in range(got):
            plane.count.received += 1
            if messages[index].msg_hdr.msg_flags & MSG_TRUNC:
                plane.count.truncated += 1
            else:
                fence(plane.receive_slot(index), messages[index].msg_len)
                self._handle(plane.receive_slot(index), messages[index].msg_len, &names[index])
        return got

    cdef void _handle(self, unsigned char *data, int size, const sockaddr_in6 *name) noexcept:
        cdef Plane plane = self.plane
        cdef PeerKey key
        cdef TransportPlane transport = None
        cdef void *found
        cdef int kind = classify(data, size)
        key_of_name(name, &key)
        found = self._table.get(&key)
        if found != NULL:
            transport = <TransportPlane>found
            transport.received.update(size, plane.now_us)
        if kind == STUN:
            if self._admits_stun(data, size, transport, &key):
                plane.events.append(StunReceived(self, text_of_name(name), data[:size]))
        elif transport is not None:
            if transport.expects(self, &key):
                transport.handle(kind, data, size)
            else:
                transport.handle_elsewhere(kind, data, size, self, text_of_name(name))
        else:
            plane.count.unknown_sender += 1
            if self.report_unknown and take(
                &self._strangers, STRANGERS_PER_SECOND, STRANGERS_PER_SECOND, 1, plane.now_us
            ):
                plane.events.append(UnknownSender(self, text_of_name(name), data[:size]))

    cdef bint _admits_stun(
        self, const unsigned char *data, int size, TransportPlane transport, const PeerKey *key
    ) noexcept:
        cdef Plane plane = self.plane
        if self.stun_gate is not None:
            return self.stun_gate.admit(plane, data, size, transport, key)
        if take(&self._strangers, STRANGERS_PER_SECOND, STRANGERS_PER_SECOND, 1, plane.now_us):
            return True
        plane.count.stun_unknown += 1
        return False

    def send(self, bytes data not None, address):
        """Sends one control datagram (STUN, DTLS); False when the kernel refused it (counted)."""
        cdef PeerAddress to
        cdef PeerKey key
        cdef void *found
        if self.closed:
            return False
        self.resolve(address, &to)
        if not self.send_control(&to, data, len(data)):
            return False
        key_of_name(&to.name, &key)
        found = self._table.get(&key)
        if found != NULL:
            (<TransportPlane>found).sent.update(len(data), self.plane.now_us)
        return True

    cdef int resolve(self, object address, PeerAddress *result) except -1:
        return parse_address(address, self._family, self._scope_id, result)

    def bind_transport(self, address, TransportPlane transport not None):
        """Called by ``TransportPlane.accept_from``: what comes from the address is the transport's now."""
        cdef PeerKey key
        if self.closed:
            raise InvalidStateError("the socket is closed")
        key_of_address(address, &key)
        self._transports[self._key_bytes(&key)] = transport
        self._table.put(&key, <void *>transport)

    def unbind_transport(self, address, TransportPlane transport not None):
        """Takes it back; no effect when the address has become another transport's since."""
        cdef PeerKey key
        key_of_address(address, &key)
        if self._table.get(&key) == <void *>transport:
            self._table.remove(&key)
            del self._transports[self._key_bytes(&key)]

    cdef bytes _key_bytes(self, const PeerKey *key):
        return (<const char *>key)[: sizeof(PeerKey) - 4]

    def close(self):
        """Forgets all addresses; transports that point here have no destination any more. The fd stays open."""
        self.closed = True
        self._table = PeerTable()
        self._transports.clear()
