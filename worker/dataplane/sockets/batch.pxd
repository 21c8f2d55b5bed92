"""Declares the batch of packets that waits to be sent, and those who have a part in it."""

from miso.worker.dataplane.sockets.addresses cimport PeerAddress
from miso.worker.srtp.cipher cimport SRTP_MAX_AT_ONCE, SrtpWork
from miso.worker.srtp.outgoing cimport Protection

cdef enum:
    SLOT_STRIDE = 2112  # 2048 would put the same byte of all slots in one set of the cache
    SLOT_HEAD = 32  # room for a TCP frame's length before the packet, which stays aligned
    SLOT_COUNT = SRTP_MAX_AT_ONCE
    MAX_PACKET = 1840  # bytes of a datagram that is forwarded; what SRTP writes behind it fits into the slot
    TRAILER_ROOM = 32  # bytes, what SRTP adds at most
    MAX_SEGMENTS = 60  # the kernel takes 64, newer ones 128
    MAX_RUN_BYTES = 60000


cdef class Sender:
    cdef void take_back(self, const unsigned char *packet, int plain_size, int size, bint is_repair) noexcept
    cdef int rekey(self) except -1


cdef class Endpoint:
    cdef int fd
    cdef readonly bint closed
    cdef void transmit(self, Batch batch, const Section *section) noexcept
    cdef bint has_room(self, int size) noexcept
    cdef int resolve(self, object address, PeerAddress *result) except -1
    cdef bint send_control(self, const PeerAddress *to, const unsigned char *data, int size) noexcept


cdef struct Run:  # packets of the batch that go to one destination, in order, equal in size but for the last
    PeerAddress to
    const PeerAddress *source  # that `to` is a copy of
    int first  # slot
    int count  # of slots
    int segment  # bytes of each packet, the last one excepted
    int total  # bytes
    bint open  # another packet may follow


cdef struct Section:  # consecutive packets of the batch that go through one socket or connection
    void *endpoint  # an Endpoint, which lives until the batch is flushed
    int first  # slot
    int count  # of slots
    int first_run
    int run_count
    int total  # bytes


cdef struct Entry:  # whose packet stands in a slot
    void *sender  # a Sender, which lives until the batch is flushed
    int plain_size  # before it was protected
    bint is_repair


cdef class Batch:
    cdef unsigned char *_memory
    cdef int sizes[SLOT_COUNT]  # bytes, by slot
    cdef Entry entries[SLOT_COUNT]
    cdef Run runs[SLOT_COUNT]
    cdef Section sections[SLOT_COUNT]
    cdef SrtpWork work[SLOT_COUNT]  # packets that are to be protected before they are sent
    cdef int packet_count
    cdef int run_count
    cdef int section_count
    cdef int work_count
    cdef Endpoint _endpoint  # for which the next packet is
    cdef void make_room(self, int count) noexcept
    cdef unsigned char *reserve(self, Endpoint endpoint) noexcept
    cdef int protect(self, Protection protection, unsigned char *packet, int size, bint is_repeat) noexcept
    cdef void commit(
        self, const PeerAddress *to, int size, Sender sender, int plain_size, bint is_repair
    ) noexcept
    cdef void take_back(self, int index) noexcept
    cdef int waiting_for(self, Endpoint endpoint, int each) noexcept
    cdef void flush(self) noexcept
    cdef void release(self) noexcept
    cdef inline unsigned char *slot(self, int index) noexcept:
        return self._memory + index * SLOT_STRIDE + SLOT_HEAD
