# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
r"""An SCTP packet: the common header, its checksum, and the chunks' places (RFC 9260 section 3).

::

     0                   1                   2                   3
    |      Source Port Number       |    Destination Port Number    |
    |                       Verification Tag                        |
    |                     Checksum (CRC32c, little-endian)          |
    |  Chunk Type   |  Chunk Flags  |         Chunk Length          |
    \                          Chunk Value                          \
"""

from __future__ import annotations

from struct import Struct

from miso.worker.errors import ParseError
from miso.worker.sctp import enums
from miso.worker.sctp.wire.checksum import crc32c, packet_checksum
from miso.worker.sctp.wire.fields import padded, u16, u32

MAX_CHUNKS = 512  # of one packet: more would need a packet larger than any path here takes

_MIN_SIZE = enums.COMMON_HEADER_SIZE + enums.CHUNK_HEADER_SIZE

_HEADER = Struct("!HHI")
_CHECKSUM = Struct("<I")
_ZERO_CHECKSUM = bytes(4)
_TAG_OFFSET = 4
_CHECKSUM_OFFSET = 8


class Packet:
    """What one packet says of itself.

    Attributes:
        source_port: 0 to 65535.
        destination_port: 0 to 65535.
        tag: the verification tag, 0 to 2^32-1.
        chunks: type, flags, and the offsets of the value's first byte and of the byte after its last, without padding.
    """

    def __init__(self, source_port: int, destination_port: int, tag: int, chunks: list[tuple[int, int, int, int]]):
        self.source_port = source_port
        self.destination_port = destination_port
        self.tag = tag
        self.chunks = chunks


def parse_packet(data: bytes) -> Packet:
    """Verifies the checksum and finds the chunks; a last chunk without its padding is taken.

    Raises:
        ParseError: no room for the header and a chunk, a wrong checksum, a chunk that overruns, too many chunks.
    """
    size = len(data)
    if size < _MIN_SIZE:
        raise ParseError(f"SCTP packet is too short: have {size} bytes, need {_MIN_SIZE}")
    source_port, destination_port, tag = _HEADER.unpack_from(data)
    checksum = packet_checksum(data)
    stated = _CHECKSUM.unpack_from(data, _CHECKSUM_OFFSET)[0]
    if checksum != stated:
        raise ParseError(f"SCTP checksum is {stated:#010x}, expected {checksum:#010x}")
    return Packet(source_port, destination_port, tag, _chunk_places(data, size))


def verification_tag(data: bytes) -> int:
    """That of a packet which was parsed."""
    return u32(data, _TAG_OFFSET)


def _chunk_places(data: bytes, size: int) -> list[tuple[int, int, int, int]]:
    chunks: list[tuple[int, int, int, int]] = []
    offset = enums.COMMON_HEADER_SIZE
    while offset < size:
        if size - offset < enums.CHUNK_HEADER_SIZE:
            raise ParseError(f"SCTP chunk header overruns the packet: have {size - offset} bytes, need 4")
        length = u16(data, offset + 2)
        if length < enums.CHUNK_HEADER_SIZE:
            raise ParseError(f"SCTP chunk length is {length}, expected at least 4")
        if length > size - offset:
            raise ParseError(f"SCTP chunk overruns the packet: have {size - offset} bytes, need {length}")
        if len(chunks) >= MAX_CHUNKS:
            raise ParseError(f"SCTP packet has more than {MAX_CHUNKS} chunks")
        chunks.append((data[offset], data[offset + 1], offset + enums.CHUNK_HEADER_SIZE, offset + length))
        offset += padded(length)
    return chunks


def build_packet(source_port: int, destination_port: int, tag: int, chunks: list[bytes]) -> bytes:
    """One packet of chunks that are whole and padded, with its checksum."""
    header = _HEADER.pack(source_port, destination_port, tag)
    body = b"".join(chunks)
    checksum = crc32c(b"".join((header, _ZERO_CHECKSUM, body)))
    return b"".join((header, _CHECKSUM.pack(checksum), body))
