# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""The header of one RTP packet (RFC 3550 section 5.1) and its header extensions (RFC 8285).

One ``RtpHeader`` is made once and filled again for every packet; it holds offsets into the packet, never a copy of it.
"""

from __future__ import annotations

from enum import IntEnum

from miso.worker.errors import ParseError
from miso.worker.rtp import enums


class DatagramKind(IntEnum):
    """What ``classify`` finds in a datagram's first bytes (RFC 7983 section 7, RFC 5761 section 4)."""

    UNKNOWN = enums.UNKNOWN
    STUN = enums.STUN
    DTLS = enums.DTLS
    RTP = enums.RTP
    RTCP = enums.RTCP


PARSE_ERRORS = (
    "",
    "RTP packet is shorter than its fixed header of 12 bytes",
    "RTP version is not 2",
    "RTP CSRC list overruns the packet",
    "RTP header extension overruns the packet",
    "RTP padding is 0 or overruns the payload",
)


def classify(data: bytes, size: int) -> int:
    """Tells the protocol of a datagram that came on a multiplexed socket.

    Args:
        data: the datagram.
        size: its length in bytes.

    Returns:
        A ``DatagramKind``; UNKNOWN also for an RTP or RTCP packet too short for its fixed header.
    """
    if size < 1:
        return enums.UNKNOWN
    first = data[0]
    if first >= 128 and first < 192:
        if size < 8:
            return enums.UNKNOWN
        second = data[1]
        if second >= 192 and second < 224:
            return enums.RTCP
        return enums.RTP if size >= enums.FIXED_HEADER_SIZE else enums.UNKNOWN
    if first <= 3:
        return enums.STUN
    if first >= 20 and first < 64:
        return enums.DTLS
    return enums.UNKNOWN


class RtpHeader:
    """View of one packet's header: fields in host order, offsets in bytes from the packet's first.

    ::

         0                   1                   2                   3
         0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |V=2|P|X|  CC   |M|     PT      |       sequence number         |
        |                           timestamp                           |
        |                             SSRC                              |
        |                        CSRC (0 to 15)                         |
        |      extension profile        |   length in 32-bit words      |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

    Attributes:
        payload_size: bytes of payload without the padding; 0 for a packet of padding only.
        padding_size: bytes at the end, the count byte included; 0 without the padding bit.
        extension_profile: 0xBEDE, 0x1000 to 0x100F, another, or 0 without an extension.
        extension_offset: first byte after the extension's 4-byte head.
        extension_size: bytes of extension data.
        element_count: how many of ``element_ids``, ``element_offsets`` and ``element_sizes`` hold (at most 16).
    """

    def __init__(self) -> None:
        self.marker = False
        self.payload_type = 0
        self.sequence_number = 0
        self.timestamp = 0
        self.ssrc = 0
        self.csrc_count = 0
        self.payload_offset = 0
        self.payload_size = 0
        self.padding_size = 0
        self.has_extension = False
        self.extension_profile = 0
        self.extension_offset = 0
        self.extension_size = 0
        self.element_count = 0
        self.element_ids = [0] * 16
        self.element_sizes = [0] * 16
        self.element_offsets = [0] * 16

    def parse(self, data: bytes, size: int) -> int:
        """Fills the fields from a packet.

        Args:
            data: the packet; only its first ``size`` bytes are read.
            size: its length in bytes.

        Returns:
            ``IS_VALID``, or an index into ``PARSE_ERRORS``; the fields hold nothing useful then.
        """
        if size < enums.FIXED_HEADER_SIZE:
            return enums.IS_TOO_SHORT
        first = data[0]
        if first >> 6 != 2:
            return enums.HAS_OTHER_VERSION
        self.csrc_count = first & 15
        self.marker = data[1] >> 7 == 1
        self.payload_type = data[1] & 127
        self.sequence_number = data[2] << 8 | data[3]
        self.timestamp = data[4] << 24 | data[5] << 16 | data[6] << 8 | data[7]
        self.ssrc = data[8] << 24 | data[9] << 16 | data[10] << 8 | data[11]
        self.element_count = 0
        offset = enums.FIXED_HEADER_SIZE + 4 * self.csrc_count
        if offset > size:
            return enums.CSRCS_OVERRUN
        if first & 0x10:
            if offset + 4 > size:
                return enums.EXTENSION_OVERRUNS
            words = data[offset + 2] << 8 | data[offset + 3]
            if offset + 4 + 4 * words > size:
                return enums.EXTENSION_OVERRUNS
            self.has_extension = True
            self.extension_profile = data[offset] << 8 | data[offset + 1]
            self.extension_offset = offset + 4
            self.extension_size = 4 * words
            offset += 4 + 4 * words
            if self.extension_profile == enums.ONE_BYTE_FORM:
                self._index_one_byte(data)
            elif self.extension_profile & 0xFFF0 == enums.TWO_BYTE_FORM:
                self._index_two_byte(data)
        else:
            self.has_extension = False
            self.extension_profile = 0
            self.extension_offset = 0
            self.extension_size = 0
        padding = 0
        if first & 0x20:
            if offset >= size:
                return enums.PADDING_OVERRUNS
            padding = data[size - 1]
            if padding == 0 or padding > size - offset:
                return enums.PADDING_OVERRUNS
        self.padding_size = padding
        self.payload_offset = offset
        self.payload_size = size - offset - padding
        return enums.IS_VALID

    def find_extension(self, extension_id: int) -> int:
        """Looks up a header-extension element of the packet parsed last.

        Returns:
            The index into ``element_offsets`` and ``element_sizes``, or -1 when the packet has no such element.
        """
        for index in range(self.element_count):
            if self.element_ids[index] == extension_id:
                return index
        return -1

    def _index_one_byte(self, data: bytes) -> None:
        # RFC 8285 section 4.2: id and length - 1 in four bits each; id 0 pads, id 15 ends.
        position = self.extension_offset
        end = position + self.extension_size
        while position < end:
            head = data[position]
            position += 1
            element_id = head >> 4
            if element_id == 0:
                if head != 0:  # "ID 0 with a length": the element and what follows cannot be trusted
                    return
                continue
            if element_id == 15:
                return
            length = (head & 15) + 1
            if position + length > end:
                return
            self._add_element(element_id, position, length)
            position += length

    def _index_two_byte(self, data: bytes) -> None:
        # RFC 8285 section 4.3: a byte of id, a byte of length (0 is allowed); id 0 pads and has no length.
        position = self.extension_offset
        end = position + self.extension_size
        while position < end:
            element_id = data[position]
            position += 1
            if element_id == 0:
                continue
            if position >= end:
                return
            length = data[position]
            position += 1
            if position + length > end:
                return
            self._add_element(element_id, position, length)
            position += length

    def _add_element(self, element_id: int, offset: int, length: int) -> None:
        if self.element_count >= enums.MAX_ELEMENTS:
            return
        self.element_ids[self.element_count] = element_id
        self.element_offsets[self.element_count] = offset
        self.element_sizes[self.element_count] = length
        self.element_count += 1


def parse_header(data: bytes) -> RtpHeader:
    """Parses one packet for code that is not per packet.

    Raises:
        ParseError: the packet is malformed; the text is one of ``PARSE_ERRORS`` with the packet's size.
    """
    header = RtpHeader()
    error = header.parse(data, len(data))
    if error != enums.IS_VALID:
        raise ParseError(f"{PARSE_ERRORS[error]}: have {len(data)} bytes")
    return header
