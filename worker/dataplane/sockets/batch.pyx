# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The packets that wait to be handed to the kernel: those of a round, for as many receivers as there is room for.

Each is written into a slot. Before they are sent they are protected, all at once, which costs a third of one after the
other. Consecutive packets for one socket are a section; in it, consecutive packets of equal size to one destination (the
last may be shorter) are a run, which the socket may send as one message.
"""

from libc.stdlib cimport free
from libc.string cimport memset

from miso.worker.dataplane.sockets.addresses cimport PeerAddress
from miso.worker.dataplane.sockets.posix cimport posix_memalign
from miso.worker.srtp.cipher cimport protect_all
from miso.worker.srtp.outgoing cimport Protection


cdef class Sender:
    """What writes packets into the batch, with a protection of its own; they count as sent from then on."""

    cdef void take_back(self, const unsigned char *packet, int plain_size, int size, bint is_repair) noexcept:
        """A packet was not sent: it is not to count."""

    cdef int rekey(self) except -1:
        """Its transport has another key."""
        return 0


cdef class Endpoint:
    """What packets are sent through: a UDP socket, or a TCP connection."""

    cdef void transmit(self, Batch batch, const Section *section) noexcept:
        """Sends the packets of a section of the batch; one that is refused is taken back."""

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
    """Packets that wait in slots."""

    def __cinit__(self):
        if posix_memalign(<void **>&self._memory, 64, SLOT_COUNT * SLOT_STRIDE) != 0:
            raise MemoryError
        memset(self._memory, 0, SLOT_COUNT * SLOT_STRIDE)

    def __dealloc__(self):
        free(self._memory)

    cdef void make_room(self, int count) noexcept:
        """So many packets are coming that should be sent together: what waits goes out when they do not fit behind it."""
        if self.packet_count + count > SLOT_COUNT:
            self.flush()

    cdef unsigned char *reserve(self, Endpoint endpoint) noexcept:
        """Where the next packet for the socket is to be written, ``MAX_PACKET`` bytes and a trailer."""
        self._endpoint = endpoint
        if self.packet_count == SLOT_COUNT:
            self.flush()
        return self.slot(self.packet_count)

    cdef int protect(self, Protection protection, unsigned char *packet, int size, bint is_repeat) noexcept:
        """The size that the packet in the reserved slot will have, to commit it with; ``REFUSED``: it must not be sent.

        ``is_repeat``: it is byte by byte the one that was sent under its number before.
        """
        cdef SrtpWork *work = &self.work[self.work_count]
        size = protection.admit(packet, size, is_repeat, work)
        if size > 0 and protection.keys != NULL:
            self.work_count += 1
        return size

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
        cdef Section *section
        cdef int index = self.packet_count
        self.entries[index].sender = <void *>sender
        self.entries[index].plain_size = plain_size
        self.entries[index].is_repair = is_repair
        self.packet_count += 1
        self.sizes[index] = size
        if self.section_count == 0 or self.sections[self.section_count - 1].endpoint != <void *>self._endpoint:
            section = &self.sections[self.section_count]
            self.section_count += 1
            section.endpoint = <void *>self._endpoint
            section.first = index
            section.count = 0
            section.first_run = self.run_count
            section.run_count = 0
            section.total = 0
        section = &self.sections[self.section_count - 1]
        section.count += 1
        section.total += size
        if section.run_count > 0:
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
        section.run_count += 1
        run.to = to[0]
        run.source = to
        run.first = index
        run.count = 1
        run.segment = size
        run.total = size
        run.open = True

    cdef int waiting_for(self, Endpoint endpoint, int each) noexcept:
        """Bytes that wait for a connection, with ``each`` more for each packet."""
        cdef int index, result = 0
        for index in range(self.section_count):
            if self.sections[index].endpoint == <void *>endpoint:
                result += self.sections[index].total + each * self.sections[index].count
        return result

    cdef void flush(self) noexcept:
        """Protects and sends what waits."""
        cdef int index
        protect_all(self.work, self.work_count)
        for index in range(self.section_count):
            (<Endpoint>self.sections[index].endpoint).transmit(self, &self.sections[index])
        self.packet_count = 0
        self.run_count = 0
        self.section_count = 0
        self.work_count = 0

    cdef void release(self) noexcept:
        """Sends what waits and lets go of the socket."""
        self.flush()
        self._endpoint = None
