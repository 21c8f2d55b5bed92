"""What all objects of one worker share, and the batch of packets that waits to be handed to the kernel."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from miso.worker.dataplane.sockets.addresses cimport PeerAddress
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor
from miso.worker.rtp.packet cimport RtpHeader


cdef enum:
    SLOT_STRIDE = 2112  # 2048 would put the same byte of all slots in one set of the cache
    SLOT_HEAD = 32  # room for a TCP frame's length before the packet, which stays aligned
    SLOT_COUNT = 64
    MAX_PACKET = 1840  # bytes of a datagram that is forwarded; the trailer of SRTP fits behind it
    RECEIVE_HEAD = 64  # room for a header that grows when it is renamed to the router's extensions
    RECEIVE_COUNT = 32
    WAKEUP_CONTROL_US = 2000  # a wake-up ends when control has so much to do, by ``STUN_US`` and the like
    STUN_US = 50
    DTLS_US = 20
    MAX_SEGMENTS = 60  # the kernel takes 64, newer ones 128
    MAX_RUN_BYTES = 60000


cdef struct Counters:
    uint64_t received
    uint64_t sent
    uint64_t truncated
    uint64_t srtp_failed
    uint64_t malformed
    uint64_t unknown_sender
    uint64_t unknown_ssrc
    uint64_t not_connected
    uint64_t send_full
    uint64_t send_failed
    uint64_t tcp_full
    uint64_t segmented_messages
    uint64_t stun_unknown  # for a username fragment that is nobody's, or for none
    uint64_t stun_limited  # this and the next: more than a peer may ask of control (``control_allowance.pyx``)
    uint64_t rtcp_limited
    uint64_t dtls_limited
    uint64_t repairs_limited


cdef struct Run:  # packets of the batch that go to one destination, in order, equal in size but for the last
    PeerAddress to
    const PeerAddress *source
    int first
    int count
    int segment
    int total
    bint open


cdef class Originator:
    cdef void take_back(self, const unsigned char *packet, int plain_size, int size, bint is_repair) noexcept


cdef struct Entry:  # whose packet stands in a slot
    void *originator  # an Originator, which lives until the batch is flushed
    int plain_size  # before it was protected
    bint is_repair


cdef class Batch:
    cdef unsigned char *_memory
    cdef int sizes[SLOT_COUNT]
    cdef Entry entries[SLOT_COUNT]
    cdef int total  # bytes
    cdef Run runs[SLOT_COUNT]
    cdef int packet_count
    cdef int run_count
    cdef Endpoint _endpoint
    cdef unsigned char *reserve(self, Endpoint endpoint) noexcept
    cdef void commit(
        self, const PeerAddress *to, int size, Originator originator, int plain_size, bint is_repair
    ) noexcept
    cdef void take_back(self, int index) noexcept
    cdef void flush(self) noexcept
    cdef void release(self) noexcept
    cdef inline unsigned char *slot(self, int index) noexcept:
        return self._memory + index * SLOT_STRIDE + SLOT_HEAD


cdef class Endpoint:
    cdef public object owner
    cdef Plane plane
    cdef int fd
    cdef readonly bint closed
    cdef void transmit(self, Batch batch) noexcept
    cdef bint has_room(self, int size) noexcept
    cdef int resolve(self, object address, PeerAddress *result) except -1
    cdef bint send_control(self, const PeerAddress *to, const unsigned char *data, int size) noexcept


cdef class Source:
    cdef void forward(self) noexcept


cdef class Plane:
    cdef Counters count
    cdef Batch batch
    cdef list events
    cdef list dirty  # sources with packets of this receive batch
    cdef list blocked  # TCP connections whose on_blocked is due
    cdef int64_t now_us
    cdef uint32_t abs_send_time
    cdef uint64_t forwarded  # packets handed to consumers, ever: the measure of a wake-up's budget
    cdef unsigned long long wakeup
    cdef int control_us  # what this wake-up's events will cost control, about
    cdef unsigned char *_receive_memory
    cdef RtpHeader header  # of the packet in hand
    cdef list _payloads  # one descriptor for each packet of a receive batch
    cdef int _payload_count
    cdef inline unsigned char *receive_slot(self, int index) noexcept:
        return self._receive_memory + index * SLOT_STRIDE + RECEIVE_HEAD
    cdef inline unsigned char *scratch(self) noexcept:
        return self.receive_slot(RECEIVE_COUNT)
    cdef PayloadDescriptor next_payload(self)
    cdef void begin(self, int64_t now_us) noexcept
    cdef void forward(self) noexcept
    cdef list finish(self)
    cdef int settle(self) except -1


cdef class UdpSender(Endpoint):
    cdef readonly bint segmentation
    cdef void _send_each(self, Batch batch, const Run *run) noexcept
