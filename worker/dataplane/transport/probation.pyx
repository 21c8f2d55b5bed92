# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Probation packets, which find out what the way to a peer carries: RTP of a stream of its own that no consumer has.

SSRC 1234, payload type 127, MID "probator": receivers of mediasoup's family know it (their SDP has a section for it),
count its packets in their feedback and decode nothing.
"""

from libc.string cimport memcpy, memset

from miso.worker.dataplane.plane cimport Plane
from miso.worker.dataplane.random_numbers cimport random_u32
from miso.worker.dataplane.sockets.batch cimport TRAILER_ROOM, Sender
from miso.worker.dataplane.transport.sending_half cimport SendingHalf
from miso.worker.rtp.big_endian cimport write_u16, write_u24, write_u32
from miso.worker.rtp.enums cimport FIXED_HEADER_SIZE, ONE_BYTE_FORM, SSRC_AT
from miso.worker.srtp.outgoing cimport REFUSED

cdef enum:
    PAYLOAD_TYPE = 127
    TIMESTAMP_STEP = 20
    ELEMENTS_AT = 16  # where the header has the extension's elements: after the fixed part, the form, and a length


cdef class ProbationStream(Sender):
    """The probation packets of one transport."""

    def __init__(self, SendingHalf transport not None, *, int mid_id, int abs_send_time_id, int transport_wide_cc_id):
        self._transport = transport
        self._plane = transport.plane
        self._write_header(mid_id, abs_send_time_id, transport_wide_cc_id)
        self._timestamp = random_u32()
        transport.attach(self, PROBATION_SSRC, 0)
        number = transport.number_before(PROBATION_SSRC)
        self._sequence_number = number if number >= 0 else random_u32() >> 16
        self.rekey()

    cdef int rekey(self) except -1:
        self._protection = self._transport.make_protection(PROBATION_SSRC, 0)
        return 0

    cdef void _write_header(self, int mid_id, int abs_send_time_id, int transport_wide_cc_id) noexcept:
        cdef unsigned char *data = self._header
        memset(data, 0, MAX_HEADER_SIZE)
        data[0] = 0x90  # version 2, with an extension
        data[1] = PAYLOAD_TYPE
        write_u32(data + SSRC_AT, PROBATION_SSRC)
        write_u16(data + FIXED_HEADER_SIZE, ONE_BYTE_FORM)
        self._header_size = ELEMENTS_AT
        self._put_element(mid_id, b"probator", 8)
        self._abs_send_time_at = self._put_element(abs_send_time_id, b"\0\0\0", 3)
        self._transport_wide_cc_at = self._put_element(transport_wide_cc_id, b"\0\0", 2)
        self._header_size = (self._header_size + 3) & ~3
        write_u16(data + 14, (self._header_size - ELEMENTS_AT) >> 2)

    cdef int _put_element(self, int extension_id, const unsigned char *value, int size) noexcept:
        """Adds a one-byte-form element (RFC 8285 section 4.2); where its value stands, 0 without an id."""
        cdef int at = self._header_size + 1
        if extension_id == 0:
            return 0
        self._header[self._header_size] = extension_id << 4 | (size - 1)
        memcpy(self._header + at, value, size)
        self._header_size = at + size
        return at

    cdef bint is_ready(self) noexcept:
        """Whether packets can be sent now."""
        cdef SendingHalf transport = self._transport
        if self.closed or not transport.connected or transport.endpoint is None:
            return False
        return not transport.encrypted or self._protection is not None

    cdef int send(self, int size) noexcept:
        """Writes a packet of ``size`` bytes, or the few that it has at least, into the batch; bytes sent, 0 for none."""
        cdef SendingHalf transport = self._transport
        cdef Plane plane = self._plane
        cdef unsigned char *slot
        cdef int sent
        size = max(size, self._header_size + 1)
        if not transport.endpoint.has_room(size + TRAILER_ROOM):
            plane.count.tcp_full += 1
            return 0
        slot = plane.batch.reserve(transport.endpoint)
        memcpy(slot, self._header, self._header_size)
        memset(slot + self._header_size, 0, size - self._header_size)
        self._sequence_number += 1
        self._timestamp += TIMESTAMP_STEP
        write_u16(slot + 2, self._sequence_number)
        write_u32(slot + 4, self._timestamp)
        if self._abs_send_time_at != 0:
            write_u24(slot + self._abs_send_time_at, plane.abs_send_time)
        self._transport_wide_number = transport.next_transport_wide_number(size)
        if self._transport_wide_cc_at != 0:
            write_u16(slot + self._transport_wide_cc_at, self._transport_wide_number)
        sent = size
        if transport.encrypted:
            sent = plane.batch.protect(self._protection, slot, size, False)
            if sent == REFUSED:
                plane.count.srtp_failed += 1
                return 0
        plane.batch.commit(&transport.destination, sent, self, size, False)
        transport.probation_sent.update(size, plane.now_us)
        transport.sent.update(sent, plane.now_us)
        return sent

    cdef void take_back(self, const unsigned char *packet, int plain_size, int size, bint is_repair) noexcept:
        self._transport.probation_sent.take_back(plain_size, self._plane.now_us)
        self._transport.sent.take_back(size, self._plane.now_us)

    cdef dict describe(self, int size):
        """What a trace event says of the packet sent last, of which ``size`` bytes were asked for."""
        size = max(size, self._header_size + 1)
        return {
            "payloadType": PAYLOAD_TYPE,
            "sequenceNumber": self._sequence_number,
            "timestamp": self._timestamp,
            "marker": False,
            "ssrc": PROBATION_SSRC,
            "isKeyFrame": False,
            "size": size,
            "payloadSize": size - self._header_size,
            "spatialLayer": 0,
            "temporalLayer": 0,
            "mid": "probator",
            "wideSequenceNumber": self._transport_wide_number,
        }

    def close(self):
        """Sends nothing any more. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self._transport.detach(self, PROBATION_SSRC, 0, self._protection)
        self._protection = None
