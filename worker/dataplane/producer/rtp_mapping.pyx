# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""How a producer's packets get the payload types, header-extension ids and SSRC of the router: once for all consumers.

It happens in the slot that they were received in; what it makes of them is described in ``canonical_packet.pxd``.
"""

from libc.string cimport memcpy, memset

from miso.worker.dataplane.producer.canonical_packet cimport Packet
from miso.worker.rtp.big_endian cimport write_u16, write_u32
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor
from miso.worker.rtp.enums cimport FIXED_HEADER_SIZE, ONE_BYTE_FORM, SSRC_AT
from miso.worker.rtp.packet cimport RtpHeader

cdef enum:
    EXTENSION_HEAD_SIZE = 4  # bytes before its elements: the form, and how many words follow
    EXTENSION_ROOM = 160  # bytes: 16 of what each consumer writes itself, six elements of at most 17, padding

KINDS = {
    "mid": MID,
    "abs_send_time": ABS_SEND_TIME,
    "transport_wide_cc": TRANSPORT_WIDE_CC,
    "audio_level": AUDIO_LEVEL,
    "video_orientation": VIDEO_ORIENTATION,
    "abs_capture_time": ABS_CAPTURE_TIME,
    "frame_marking": FRAME_MARKING,
    "toffset": TOFFSET,
    "playout_delay": PLAYOUT_DELAY,
}


cdef class RtpMapping:
    """The tables of one producer: payload types and ids of header extensions."""

    def __cinit__(self):
        memset(self.payload_types, NOT_MAPPED, sizeof(self.payload_types))

    def map_payload_type(self, int received, int forwarded):
        """Packets of the received payload type are forwarded with the other; 0 to 127."""
        if not 0 <= received <= 127 or not 0 <= forwarded <= 127:
            raise ValueError(f"payload types are {received} and {forwarded}, expected 0 to 127")
        self.payload_types[received] = forwarded

    def map_extension(self, str uri_kind not None, int received_id, int forwarded_id):
        """A header extension's id as negotiated with the sender (0: it sends none) and the router's (0: not forwarded).

        "mid", "abs_send_time" and "transport_wide_cc" are in every forwarded packet once they are mapped, whatever the sender sends.

        Raises:
            ValueError: unknown kind; ``received_id`` not 0 to 255, or another kind's; ``forwarded_id`` not 0 to 14.
        """
        cdef int kind, other
        if uri_kind not in KINDS:
            raise ValueError(f"header extension is {uri_kind!r}, expected one of {', '.join(KINDS)}")
        if not 0 <= received_id <= 255 or not 0 <= forwarded_id <= 14:
            raise ValueError(f"ids of {uri_kind} are {received_id} and {forwarded_id}, expected 0 to 255 and 0 to 14")
        kind = KINDS[uri_kind]
        for other in range(KIND_COUNT):
            # An element that is copied more than once makes a header that outgrows the room before the slot.
            if received_id != 0 and other != kind and self.received_ids[other] == received_id:
                raise ValueError(f"id {received_id} of {uri_kind} is that of {list(KINDS)[other]}")
        self.received_ids[kind] = received_id
        self.forwarded_ids[kind] = forwarded_id

    cdef void apply(self, Packet *packet, RtpHeader header, unsigned char *data, bint is_vp8) noexcept:
        """Writes the canonical header before the payload, where the received one was."""
        cdef unsigned char extensions[EXTENSION_ROOM]
        cdef unsigned char csrcs[60]
        cdef unsigned char *start
        cdef int csrc_size = 4 * header.csrc_count
        cdef int extension_size = self._write_extensions(packet, header, data, extensions)
        cdef int head = FIXED_HEADER_SIZE + csrc_size + (EXTENSION_HEAD_SIZE + extension_size if extension_size > 0 else 0)
        cdef int shift = FIXED_HEADER_SIZE + csrc_size + EXTENSION_HEAD_SIZE
        memcpy(csrcs, data + FIXED_HEADER_SIZE, csrc_size)
        if is_vp8 and (<PayloadDescriptor>packet.payload).picture_id_bits == 7:
            self._widen_picture_id(header, data, <PayloadDescriptor>packet.payload)
        start = data + header.payload_offset - head
        start[0] = 0x80 | (0x10 if extension_size > 0 else 0) | header.csrc_count
        start[1] = (0x80 if header.marker else 0) | packet.payload_type
        write_u16(start + 2, packet.sequence_number)
        write_u32(start + 4, packet.timestamp)
        write_u32(start + SSRC_AT, packet.ssrc)
        memcpy(start + FIXED_HEADER_SIZE, csrcs, csrc_size)
        if extension_size > 0:
            write_u16(start + FIXED_HEADER_SIZE + csrc_size, ONE_BYTE_FORM)
            write_u16(start + FIXED_HEADER_SIZE + 2 + csrc_size, extension_size >> 2)
            memcpy(start + shift, extensions, extension_size)
            packet.mid_at += shift if packet.mid_at > 0 else 0
            packet.abs_send_time_at += shift if packet.abs_send_time_at > 0 else 0
            packet.transport_wide_cc_at += shift if packet.transport_wide_cc_at > 0 else 0
        packet.data = start
        packet.size = head + <int>header.payload_size
        packet.payload_offset = head

    cdef void _widen_picture_id(self, RtpHeader header, unsigned char *data, PayloadDescriptor payload) noexcept:
        """A VP8 picture id of one byte becomes one of two: decoders take it for an old one where 7 bits wrap."""
        cdef unsigned char *start = data + header.payload_offset - 1
        start[0] = start[1]
        start[1] = start[2]
        start[2] = 0x80 | payload.picture_id >> 8
        start[3] = payload.picture_id & 0xFF
        payload.picture_id_bits = 15
        payload.tl0_picture_index_offset += payload.tl0_picture_index >= 0
        payload.size += 1
        header.payload_offset -= 1
        header.payload_size += 1

    cdef int _write_extensions(
        self, Packet *packet, RtpHeader header, const unsigned char *data, unsigned char *target
    ) noexcept:
        """RFC 8285 section 4.2; bytes written, a multiple of four. Offsets of the packet count from the first of them."""
        cdef int at = 0, kind, found, size
        self.audio_level = self.orientation = -1
        if self.forwarded_ids[MID] != 0:
            target[at] = self.forwarded_ids[MID] << 4 | 7
            memset(target + at + 1, 0, 8)
            packet.mid_at = at + 1
            at += 9
        if self.forwarded_ids[ABS_SEND_TIME] != 0:
            target[at] = self.forwarded_ids[ABS_SEND_TIME] << 4 | 2
            memset(target + at + 1, 0, 3)
            packet.abs_send_time_at = at + 1
            at += 4
        if self.forwarded_ids[TRANSPORT_WIDE_CC] != 0:
            target[at] = self.forwarded_ids[TRANSPORT_WIDE_CC] << 4 | 1
            memset(target + at + 1, 0, 2)
            packet.transport_wide_cc_at = at + 1
            at += 3
        for kind in range(AUDIO_LEVEL, KIND_COUNT):
            if self.received_ids[kind] == 0:
                continue
            found = header.find_extension(self.received_ids[kind])
            if found < 0:
                continue
            size = header.element_sizes[found]
            if size < 1 or size > 16:
                continue
            if kind == AUDIO_LEVEL:
                self.audio_level = data[header.element_offsets[found]] & 0x7F
            elif kind == VIDEO_ORIENTATION:
                self.orientation = data[header.element_offsets[found]] & 0x0F
            if self.forwarded_ids[kind] != 0:
                target[at] = self.forwarded_ids[kind] << 4 | (size - 1)
                memcpy(target + at + 1, data + header.element_offsets[found], size)
                at += 1 + size
        while at & 3:
            target[at] = 0
            at += 1
        return at
