"""Declares what all objects of one worker share."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from miso.worker.dataplane.sockets.batch cimport SLOT_STRIDE, Batch
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor
from miso.worker.rtp.packet cimport RtpHeader

cdef enum:
    RECEIVE_HEAD = 64  # bytes before the packet, for a header that grows when it gets the router's extensions
    RECEIVE_COUNT = 32  # packets of a receive batch
    WAKEUP_CONTROL_US = 2000  # a wake-up ends when control has so much to do, by ``STUN_US`` and the like
    STUN_US = 50
    DTLS_US = 20


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


cdef class Plane:
    cdef Counters count
    cdef Batch batch
    cdef list events  # since control took them last
    cdef list dirty  # ProducerPlanes with packets of this receive batch
    cdef list blocked  # TCP connections whose on_blocked is due
    cdef int64_t now_us  # when this wake-up began
    cdef uint32_t abs_send_time  # the same, as the header extension has it: 6.18 fixed-point seconds
    cdef uint64_t forwarded  # packets handed to consumers, ever: the measure of a wake-up's budget
    cdef unsigned long long wakeup  # its number
    cdef int control_us  # what this wake-up's events will cost control, about
    cdef unsigned char *_receive_memory  # RECEIVE_COUNT slots, and the one for what does not come from a socket
    cdef RtpHeader header  # of the packet in hand
    cdef list _payloads  # one descriptor for each packet of a receive batch
    cdef int payload_count  # how many of them are in use
    cdef uint64_t _ntp  # of the wall clock when control told it last, 0: it never has
    cdef int64_t _ntp_us  # when that was
    cdef inline unsigned char *receive_slot(self, int index) noexcept:
        return self._receive_memory + index * SLOT_STRIDE + RECEIVE_HEAD
    cdef inline unsigned char *scratch(self) noexcept:
        return self.receive_slot(RECEIVE_COUNT)
    cdef PayloadDescriptor next_payload(self)
    cdef void begin(self, int64_t now_us) noexcept
    cpdef void set_wall_clock(self, int64_t now_us, uint64_t ntp) noexcept
    cdef double round_trip_ms(self, uint32_t last_report, uint32_t delay) noexcept
    cdef list finish(self)
    cdef int settle(self) except -1
