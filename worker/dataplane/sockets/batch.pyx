# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The packets that wait to be handed to the kernel, all for one socket.

Each is written, already protected, into a slot. Consecutive packets of equal size to one destination (the last may be
shorter) are a run, which the socket may send as one message.
"""

from libc.stdlib cimport free
from libc.string cimport memset

from miso.worker.dataplane.sockets.addresses cimport PeerAddress
from miso.worker.dataplane.sockets.posix cimport posix_memalign


cdef class Sender:
    """What writes packets into the batch, protected by an RTP session of its own; they count as sent from then on."""

    cdef void take_back(self, const unsigned char *packet, int plain_size, int size, bint is_repair) noexcept:
        """A packet was not sent: it is not to count."""

    cdef int rekey(self) except -1:
        """Its transport has another key."""
        return 0


cdef class Endpoint:
    """What packets are sent through: a UDP socket, or a TCP connection."""

    cdef void transmit(self, Batch batch) noexcept:
        """Sends the packets of the batch; one that is refused is taken back."""

    cdef bint has_room(self, int size) noexcept:
        """Whether a packet would not be dropped for what waits already; of the kernel nobody knows before."""
        return True

    cdef int resolve(self, object address, PeerAddress *result) except -1:
        """Where packets to an (ip, port) go. Raises ValueError for one that cannot be reached from here."""
        return 0

    cdef bint send_control(self, const PeerAddress *to, const unsigned char *data, int size) noexcept:
        """Sends one datagram at once; False when it was refused (counted)."""
        return False


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
        if endpoint is not self.endpoint:
            self.flush()
            self.endpoint = endpoint
        elif self.packet_count == SLOT_COUNT:
            self.flush()
        return self.slot(self.packet_count)

    cdef void take_back(self, int index) noexcept:
        """The kernel, or a full connection, has refused the packet."""
        cdef Entry *entry = &self.entries[index]
        (<Sender>entry.sender).take_back(
            self.slot(index), entry.plain_size, self.sizes[index], entry.is_repair
        )

    cdef void commit(
        self, const PeerAddress *to, int size, Sender sender, int plain_size, bint is_repair
    ) noexcept:
        """The packet stands in the reserved slot."""
        cdef Run *run
        cdef int index = self.packet_count
        self.entries[index].sender = <void *>sender
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
        """Sends what waits."""
        if self.packet_count > 0:
            self.endpoint.transmit(self)
            self.packet_count = 0
            self.run_count = 0
            self.total = 0

    cdef void release(self) noexcept:
        """Sends what waits and lets go of the socket."""
        self.flush()
        self.endpoint = None
