# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What all objects of one worker share, and the batch of packets that waits to be handed to the kernel.

A batch belongs to one socket at a time. Each packet is written, already protected, into a slot; consecutive packets of equal
size to one destination (the last may be shorter) become one message that the kernel segments, the messages of a batch one
``sendmmsg``.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from miso.worker.dataplane.sockets.addresses cimport PeerAddress
from miso.worker.dataplane.sockets.posix cimport (
    EAGAIN,
    EINTR,
    EINVAL,
    EIO,
    EMSGSIZE,
    ENOBUFS,
    ENOPROTOOPT,
    EOPNOTSUPP,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    errno,
    iovec,
    miso_set_segment,
    mmsghdr,
    sendmmsg,
    sendmsg,
    sendto,
)

from miso.worker.rtp.codecs.payload cimport PayloadDescriptor
from miso.worker.rtp.packet cimport RtpHeader

cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **memory, size_t alignment, size_t size)

# Filled anew by every transmit; one thread runs the plane.
cdef mmsghdr messages[SLOT_COUNT]
cdef iovec vectors[SLOT_COUNT]
cdef int message_packets[SLOT_COUNT]
cdef int message_runs[SLOT_COUNT]
cdef int message_firsts[SLOT_COUNT]
cdef char controls[SLOT_COUNT][32]


cdef class Originator:
    """Whose packets stand in a batch, and count as sent from then on."""

    cdef void take_back(self, const unsigned char *packet, int plain_size, int size, bint is_repair) noexcept:
        """A packet was not sent: it is not to count."""


cdef class Batch:
    """Packets that wait in slots for one socket."""

    def __cinit__(self):
        if posix_memalign(<void **>&self._memory, 64, SLOT_COUNT * SLOT_STRIDE) != 0:
            raise MemoryError
        memset(self._memory, 0, SLOT_COUNT * SLOT_STRIDE)

    def __dealloc__(self):
        free(self._memory)

    cdef unsigned char *reserve(self, Endpoint endpoint) noexcept:
        """Where the next packet for the socket is to be written, ``MAX_PACKET`` bytes and a trailer."""
        if endpoint is not self._endpoint:
            self.flush()
            self._endpoint = endpoint
        elif self.packet_count == SLOT_COUNT:
            self.flush()
        return self.slot(self.packet_count)

    cdef void take_back(self, int index) noexcept:
        """The kernel, or a full connection, has refused the packet."""
        cdef Entry *entry = &self.entries[index]
        (<Originator>entry.originator).take_back(
            self.slot(index), entry.plain_size, self.sizes[index], entry.is_repair
        )

    cdef void commit(
        self, const PeerAddress *to, int size, Originator originator, int plain_size, bint is_repair
    ) noexcept:
        """The packet stands in the reserved slot."""
        cdef Run *run
        cdef int index = self.packet_count
        self.entries[index].originator = <void *>originator
        self.entries[index].plain_size = plain_size
        self.entries[index].is_repair = is_repair
        self.total += size
        self.packet_count += 1
        self.sizes[index] = size
        if self.run_count > 0:
            run = &self.runs[self.run_count - 1]
            if (
                run.open
                and run.source == to
                and size <= run.segment
                and run.count < MAX_SEGMENTS
                and run.total + size <= MAX_RUN_BYTES
            ):
                run.count += 1
                run.total += size
                run.open = size == run.segment
                return
        run = &self.runs[self.run_count]
        self.run_count += 1
        run.to = to[0]
        run.source = to
        run.first = index
        run.count = 1
        run.segment = size
        run.total = size
        run.open = True

    cdef void flush(self) noexcept:
        if self.packet_count > 0:
            self._endpoint.transmit(self)
            self.packet_count = 0
            self.run_count = 0
            self.total = 0

    cdef void release(self) noexcept:
        """Sends what waits and lets go of the socket."""
        self.flush()
        self._endpoint = None


cdef class Endpoint:
    """What packets can be sent through."""

    cdef void transmit(self, Batch batch) noexcept:
        pass

    cdef bint has_room(self, int size) noexcept:
        """Whether a packet would not be dropped for what waits already; of the kernel nobody knows before."""
        return True

    cdef int resolve(self, object address, PeerAddress *result) except -1:
        return 0

    cdef bint send_control(self, const PeerAddress *to, const unsigned char *data, int size) noexcept:
        return False


cdef class UdpSender(Endpoint):
    """The sending half of a UDP socket.

    Attributes:
        segmentation: whether the kernel still takes UDP_SEGMENT on this socket.
    """

    cdef void transmit(self, Batch batch) noexcept:
        cdef int count = 0, index, packet, done, result, error
        cdef Run *run
        cdef mmsghdr *message
        cdef Plane plane = self.plane
        if self.closed:
            return
        if batch.packet_count == 1:
            run = &batch.runs[0]
            if sendto(self.fd, batch.slot(0), run.segment, MSG_DONTWAIT | MSG_NOSIGNAL, &run.to.name, run.to.size) >= 0:
                plane.count.sent += 1
                return
            if errno == EAGAIN or errno == ENOBUFS:
                plane.count.send_full += 1
            else:
                plane.count.send_failed += 1
            batch.take_back(0)
            return
        for packet in range(batch.packet_count):
            vectors[packet].iov_base = batch.slot(packet)
            vectors[packet].iov_len = batch.sizes[packet]
        for index in range(batch.run_count):
            run = &batch.runs[index]
            packet = run.first
            while packet < run.first + run.count:
                message = &messages[count]
                message.msg_hdr.msg_name = &run.to.name
                message.msg_hdr.msg_namelen = run.to.size
                message.msg_hdr.msg_iov = &vectors[packet]
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
                result = 1 if sendmsg(self.fd, &messages[done].msg_hdr, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 else -1
            else:
                result = sendmmsg(self.fd, &messages[done], count - done, MSG_DONTWAIT | MSG_NOSIGNAL)
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
                for packet in range(message_firsts[done], batch.packet_count):
                    batch.take_back(packet)
                return
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
            if (
                sendto(
                    self.fd,
                    batch.slot(packet),
                    batch.sizes[packet],
                    MSG_DONTWAIT | MSG_NOSIGNAL,
                    &run.to.name,
                    run.to.size,
                )
                >= 0
            ):
                self.plane.count.sent += 1
                continue
            if errno == EAGAIN or errno == ENOBUFS:
                self.plane.count.send_full += 1
            else:
                self.plane.count.send_failed += 1
            batch.take_back(packet)

    cdef bint send_control(self, const PeerAddress *to, const unsigned char *data, int size) noexcept:
        if self.closed or to.size == 0:
            return False
        if sendto(self.fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, &to.name, to.size) >= 0:
            self.plane.count.sent += 1
            return True
        if errno == EAGAIN or errno == ENOBUFS:
            self.plane.count.send_full += 1
        else:
            self.plane.count.send_failed += 1
        return False


cdef class Source:
    """What collects packets while a receive batch is read, and forwards them together."""

    cdef void forward(self) noexcept:
        pass


cdef class Plane:
    """What all objects of one worker share: receive and send slots, random numbers, counters."""

    def __cinit__(self):
        if posix_memalign(<void **>&self._receive_memory, 64, (RECEIVE_COUNT + 1) * SLOT_STRIDE) != 0:
            raise MemoryError
        memset(self._receive_memory, 0, (RECEIVE_COUNT + 1) * SLOT_STRIDE)
        self.batch = Batch()
        self.events = []
        self.dirty = []
        self.blocked = []
        self.header = RtpHeader()
        self._payloads = [PayloadDescriptor() for _ in range(RECEIVE_COUNT)]

    def __dealloc__(self):
        free(self._receive_memory)

    @property
    def counters(self):
        """Since start: packets received, sent, and each kind of drop."""
        return self.count

    cdef void begin(self, int64_t now_us) noexcept:
        """Every entry from control that may move packets starts here."""
        self.now_us = now_us
        self.abs_send_time = <unsigned int>((<uint64_t>now_us << 18) // 1000000) & 0xFFFFFF
        self.wakeup += 1
        self.control_us = 0

    cdef PayloadDescriptor next_payload(self):
        """A descriptor that stays as it is filled until ``forward``."""
        if self._payload_count == RECEIVE_COUNT:
            self.forward()
        self._payload_count += 1
        return <PayloadDescriptor>self._payloads[self._payload_count - 1]

    cdef void forward(self) noexcept:
        """What the receive batch brought goes to the consumers, consumer by consumer."""
        cdef Source source
        if self.dirty:
            for source in self.dirty:
                source.forward()
            self.dirty.clear()
            self.batch.flush()
        self._payload_count = 0

    cdef list finish(self):
        """Every such entry ends here; gives the events since the last one."""
        cdef list events = self.events
        self.batch.release()
        self.events = []
        self.settle()
        return events

    def take_events(self):
        """What has happened outside of a socket's wake-up (repairs sent): else it would wait for the next one."""
        return self.finish()

    cdef int settle(self) except -1:
        """Tells the TCP connections that began to hold bytes back: only now nothing is iterated over."""
        while self.blocked:
            connection = self.blocked.pop()
            if connection.on_blocked is not None:
                connection.on_blocked(connection)
        return 0
