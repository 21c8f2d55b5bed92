# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""UDP sockets read and written in batches."""

from libc.string cimport memcmp, memset

from miso.worker.dataplane.plane cimport RECEIVE_COUNT, WAKEUP_CONTROL_US, Plane
from miso.worker.dataplane.producer.producer cimport forward_batch
from miso.worker.dataplane.sanitizer cimport SLOT_ROOM, set_packet_size
from miso.worker.dataplane.sockets.addresses cimport (
    PeerAddress,
    is_any,
    key_of_address,
    key_of_name,
    parse_address,
    text_of_name,
)
from miso.worker.dataplane.sockets.batch cimport MAX_PACKET, SLOT_COUNT, Batch, Endpoint, Run, Section
from miso.worker.dataplane.sockets.peer_table cimport PeerKey, PeerTable
from miso.worker.dataplane.sockets.posix cimport (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    EAGAIN,
    EINTR,
    EINVAL,
    EIO,
    ENOBUFS,
    ENOPROTOOPT,
    EOPNOTSUPP,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    MSG_TRUNC,
    SO_ERROR,
    SOL_SOCKET,
    bind,
    connect,
    errno,
    getsockname,
    getsockopt,
    iovec,
    miso_set_segment,
    mmsghdr,
    msghdr,
    recvmmsg,
    sendmmsg,
    sendmsg,
    sendto,
    sockaddr_in6,
)
from miso.worker.dataplane.sockets.stun_gate cimport StunGate
from miso.worker.dataplane.token_bucket cimport TokenBucket, take
from miso.worker.dataplane.transport.transport cimport TransportPlane
from miso.worker.rtp.enums cimport STUN
from miso.worker.rtp.packet cimport classify

from miso.worker.dataplane.events import StunReceived, UnknownSender
from miso.worker.errors import InvalidStateError

cdef enum:
    WAKEUP_PACKETS = 128  # received in one wake-up at most
    WAKEUP_FORWARDS = 1024  # handed to consumers in one wake-up, about: 1 to 2 ms
    CONNECT_AGAIN_US = 5000000  # after a peer has refused something
    STRANGERS_PER_SECOND = 1000  # datagrams of addresses that nobody accepts, and STUN without a gate, shown to control

# Of the receive under way; one thread runs the plane. What the kernel does not write stays as it was prepared: who wakes
# up for one packet need not have the places of 32 brought into the cache.
cdef mmsghdr received[RECEIVE_COUNT]
cdef iovec received_vectors[RECEIVE_COUNT]
cdef sockaddr_in6 received_from[RECEIVE_COUNT]
cdef const unsigned char *prepared = NULL  # the first slot of the plane for which they are

# Filled anew by every transmit.
cdef mmsghdr outgoing[SLOT_COUNT]
cdef iovec outgoing_vectors[SLOT_COUNT]
cdef char controls[SLOT_COUNT][32]
cdef int message_packets[SLOT_COUNT]  # how many packets a message has
cdef int message_runs[SLOT_COUNT]  # and of which run of the batch
cdef int message_firsts[SLOT_COUNT]  # the slot of its first


cdef void prepare(Plane plane) noexcept:
    """Has the kernel put what it receives into the slots of this plane."""
    global prepared
    cdef int index
    memset(received, 0, sizeof(received))
    for index in range(RECEIVE_COUNT):
        received_vectors[index].iov_base = plane.receive_slot(index)
        received_vectors[index].iov_len = MAX_PACKET
        received[index].msg_hdr.msg_name = &received_from[index]
        received[index].msg_hdr.msg_namelen = sizeof(sockaddr_in6)
        received[index].msg_hdr.msg_iov = &received_vectors[index]
        received[index].msg_hdr.msg_iovlen = 1
    prepared = plane.receive_slot(0)


cdef class UdpSocket(Endpoint):
    """A bound non-blocking UDP socket; control owns the descriptor's Python socket, the plane reads and writes it."""

    cdef public object owner
    cdef public object clock
    cdef public object deliver
    cdef public bint report_unknown
    cdef public StunGate stun_gate
    cdef readonly bint segmentation
    cdef Plane plane
    cdef PeerAddress _bound
    cdef PeerAddress _peer  # to which it is connected; its size is 0 when it is not
    cdef PeerAddress _refuser  # to which it was, until that refused something; its size is 0 when there is none
    cdef long long _again_us  # when it is to be connected to that again
    cdef TokenBucket _strangers  # what of addresses that nobody accepts control may still see
    cdef int _family
    cdef unsigned int _scope_id  # of the bound address, for IPv6 peers on the link
    cdef PeerTable _table  # remote address → transport
    cdef dict _transports  # the same: keeps alive what the table points to
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
        self._bound.name = name
        self._bound.size = size
        self._peer.size = self._refuser.size = 0
        self._table = PeerTable()
        self._transports = {}
        self._fan_out = 1

    # ------------------------------------------------------------ receiving

    def on_readable(self):
        """Reads what waits; ``deliver`` gets what control must act on, and is not called when that is nothing."""
        cdef long long now_us = self.clock()
        cdef list events = self._receive(now_us)
        if events:
            self.deliver(events, now_us)

    def receive(self, long long now_us):
        """Reads what waits (recvmmsg, bounded per wake-up), forwards media, returns what control must act on.

        When it stops at its bound, the descriptor is still readable and a level-triggered event loop calls again.
        """
        return self._receive(now_us)

    cdef list _receive(self, long long now_us):
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
            forward_batch(plane)
            self._fan_out = max(<unsigned int>((plane.forwarded - batch_before) // got), 1)
            if got < wanted:
                break
        return plane.finish()

    cdef int _receive_batch(self, int wanted) noexcept:
        cdef Plane plane = self.plane
        cdef int index, got
        if prepared != plane.receive_slot(0):
            prepare(plane)
        for index in range(wanted):
            set_packet_size(plane.receive_slot(index), SLOT_ROOM)
        got = recvmmsg(self.fd, received, wanted, MSG_DONTWAIT, NULL)
        if got < 0:
            if errno == EINTR:
                return 0
            if errno != EAGAIN:
                self._go_on_unconnected()
            return -1
        for index in range(got):
            plane.count.received += 1
            received[index].msg_hdr.msg_namelen = sizeof(sockaddr_in6)
            if received[index].msg_hdr.msg_flags & MSG_TRUNC:
                plane.count.truncated += 1
            else:
                set_packet_size(plane.receive_slot(index), received[index].msg_len)
                self._handle(plane.receive_slot(index), received[index].msg_len, &received_from[index])
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
            if transport is not None and transport.answer_check(self, &key, data, size):
                return
            if self._admits_stun(data, size, transport, &key):
                plane.events.append(StunReceived(self, text_of_name(name), data[:size]))
        elif transport is not None:
            if transport.expects(self, &key):
                transport.handle(kind, data, size, False)
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

    # ------------------------------------------------------------ sending

    cdef void transmit(self, Batch batch, const Section *section) noexcept:
        cdef int count = 0, index, packet, done, result, error
        cdef int end = section.first + section.count
        cdef Run *run
        cdef mmsghdr *message
        cdef Plane plane = self.plane
        if self.closed:
            return
        if self._refuser.size != 0 and plane.now_us >= self._again_us:
            self._connect_again()
        if section.count == 1:
            run = &batch.runs[section.first_run]
            if not self._send_one(batch.slot(section.first), run.segment, &run.to):
                batch.take_back(section.first)
            return
        for packet in range(section.first, end):
            outgoing_vectors[packet].iov_base = batch.slot(packet)
            outgoing_vectors[packet].iov_len = batch.sizes[packet]
        for index in range(section.first_run, section.first_run + section.run_count):
            run = &batch.runs[index]
            packet = run.first
            while packet < run.first + run.count:
                message = &outgoing[count]
                self._address(&message.msg_hdr, &run.to)
                message.msg_hdr.msg_iov = &outgoing_vectors[packet]
                message.msg_hdr.msg_flags = 0
                if self.segmentation and run.count > 1:
                    message.msg_hdr.msg_iovlen = run.count
                    miso_set_segment(&message.msg_hdr, controls[count], run.segment)
                    message_packets[count] = run.count
                else:
                    message.msg_hdr.msg_iovlen = 1
                    message.msg_hdr.msg_control = NULL
                    message.msg_hdr.msg_controllen = 0
                    message_packets[count] = 1
                message_runs[count] = index
                message_firsts[count] = packet
                packet += message_packets[count]
                count += 1
        done = 0
        while done < count:
            if count - done == 1:
                result = 1 if sendmsg(self.fd, &outgoing[done].msg_hdr, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 else -1
            else:
                result = sendmmsg(self.fd, &outgoing[done], count - done, MSG_DONTWAIT | MSG_NOSIGNAL)
            error = errno
            if result > 0:
                for index in range(done, done + result):
                    plane.count.sent += message_packets[index]
                    plane.count.segmented_messages += message_packets[index] > 1
                done += result
            elif error == EINTR:
                continue
            elif error == EAGAIN or error == ENOBUFS:
                for index in range(done, count):
                    plane.count.send_full += message_packets[index]
                for packet in range(message_firsts[done], end):
                    batch.take_back(packet)
                return
            elif error != EIO and error != EINVAL and self._go_on_unconnected():  # no ICMP makes these two
                for index in range(done, count):
                    self._address(&outgoing[index].msg_hdr, &batch.runs[message_runs[index]].to)
            elif message_packets[done] > 1:
                # no driver or route for it here (EIO, EINVAL …); EMSGSIZE speaks of this path only
                if error == EIO or error == EINVAL or error == ENOPROTOOPT or error == EOPNOTSUPP:
                    self.segmentation = False
                self._send_each(batch, &batch.runs[message_runs[done]])
                done += 1
            else:
                plane.count.send_failed += 1
                batch.take_back(message_firsts[done])
                done += 1

    cdef void _send_each(self, Batch batch, const Run *run) noexcept:
        cdef int packet
        for packet in range(run.first, run.first + run.count):
            if not self._send_one(batch.slot(packet), batch.sizes[packet], &run.to):
                batch.take_back(packet)

    cdef bint _send_one(self, const unsigned char *data, int size, const PeerAddress *to) noexcept:
        cdef msghdr target
        self._address(&target, to)
        while sendto(self.fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, target.msg_name, target.msg_namelen) < 0:
            if errno == EAGAIN or errno == ENOBUFS:
                self.plane.count.send_full += 1
                return False
            if not self._go_on_unconnected():
                self.plane.count.send_failed += 1
                return False
            self._address(&target, to)
        self.plane.count.sent += 1
        return True

    cdef bint send_control(self, const PeerAddress *to, const unsigned char *data, int size) noexcept:
        return not self.closed and to.size != 0 and self._send_one(data, size, to)

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

    # ------------------------------------------------------------ connected

    def connect(self, address):
        """Has the kernel keep the way to this address, instead of looking for it for each packet (connect(2))."""
        cdef PeerAddress to
        if self.closed or is_any(&self._bound.name) or self._scope_id != 0:
            return False
        self.resolve(address, &to)
        if to.name.sin6_port == 0:  # which stands at the same place in both families; connect(2) takes it, sendto(2) does not
            return False
        if connect(self.fd, &to.name, to.size) != 0:
            return False
        self._peer = to
        self._refuser.size = 0
        return True

    def disconnect(self):
        """Takes it back."""
        if not self.closed:
            self._part()
            self._refuser.size = 0

    cdef void _address(self, msghdr *message, const PeerAddress *to) noexcept:
        if to.size == self._peer.size and memcmp(&to.name, &self._peer.name, to.size) == 0:
            message.msg_name = NULL
            message.msg_namelen = 0
        else:
            message.msg_name = <void *>&to.name
            message.msg_namelen = to.size

    cdef bint _go_on_unconnected(self) noexcept:
        """Something was refused: goes on without a connection for a while; whether there was one.

        The kernel tells through a connection that an earlier datagram was refused (ICMP), instead of sending the next one,
        and wakes up who waits for the peer's: a peer that is away would cost more than it does without.
        """
        if self._peer.size == 0:
            return False
        self._refuser = self._peer
        self._again_us = self.plane.now_us + CONNECT_AGAIN_US
        self._part()
        return True

    cdef void _connect_again(self) noexcept:
        """It may have been away for a while only, as a receiver that is started after its transport."""
        if connect(self.fd, &self._refuser.name, self._refuser.size) != 0:
            self._again_us = self.plane.now_us + CONNECT_AGAIN_US
            return
        self._peer = self._refuser
        self._refuser.size = 0

    cdef void _part(self) noexcept:
        cdef sockaddr_in6 nowhere
        cdef int refusal
        cdef unsigned int size = sizeof(refusal)
        if self._peer.size == 0:
            return
        memset(&nowhere, 0, sizeof(nowhere))
        nowhere.sin6_family = AF_UNSPEC
        connect(self.fd, &nowhere, sizeof(nowhere))
        getsockopt(self.fd, SOL_SOCKET, SO_ERROR, &refusal, &size)  # else one that waits is the next datagram's
        bind(self.fd, &self._bound.name, self._bound.size)  # one that was given any port has lost it; else no effect
        self._peer.size = 0

    # ------------------------------------------------------------ transports

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
