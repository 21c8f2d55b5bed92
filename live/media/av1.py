"""AV1: the configuration record (AV1 in ISOBMFF 1.2, section 2.3.3), and the sequence header in it."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from miso.live.errors import ParseError
from miso.live.media.av1_sequence import Av1Sequence, read_sequence_header
from miso.live.media.byte_reader import ByteReader

_MARKER_AND_VERSION = 0x81
_FIXED_SIZE = 4
# Its MPEG-2 TS form (AV1 in MPEG-2 TS, section 2.1).
_DESCRIPTOR_TAG = 0x80
_HAS_SIZE = 0b010
_HAS_EXTENSION = 0b100
_MAX_LEB128_BYTES = 8
_DELAY_BITS = 0x1F


class ObuType(IntEnum):
    """``obu_type`` (AV1, section 6.2.2)."""

    SEQUENCE_HEADER = 1
    TEMPORAL_DELIMITER = 2
    FRAME_HEADER = 3
    TILE_GROUP = 4
    METADATA = 5
    FRAME = 6
    REDUNDANT_FRAME_HEADER = 7
    TILE_LIST = 8
    PADDING = 15


class Obu(NamedTuple):
    """An open bitstream unit.

    Attributes:
        kind: ``obu_type``; of what is reserved any number up to 15.
        header: Its first byte, and the second one where there are layers; without the bit for a size.
        payload: What follows.
    """

    kind: int
    header: bytes
    payload: bytes

    def to_bytes(self) -> bytes:
        """With its size, as files have it (AV1, section 5.3.2)."""
        return bytes((self.header[0] | _HAS_SIZE,)) + self.header[1:] + _leb128_bytes(len(self.payload)) + self.payload


class Av1Config(NamedTuple):
    """What a decoder needs before the first picture.

    Attributes:
        profile: ``seq_profile``.
        level: ``seq_level_idx_0``.
        obus: What follows: a sequence header, or nothing.
    """

    profile: int
    level: int
    obus: bytes

    def sequence(self) -> Av1Sequence | None:
        """The sequence header; None if there is none. Raises ParseError if it is broken."""
        header = next((payload for kind, payload in split_obus(self.obus) if kind == ObuType.SEQUENCE_HEADER), None)
        return None if header is None else read_sequence_header(header)


def read_av1_config(record: bytes) -> Av1Config:
    """Raises ParseError if it is cut off or of another version."""
    data = ByteReader(record, "AV1 configuration record")
    fixed = data.take(_FIXED_SIZE)
    if fixed[0] != _MARKER_AND_VERSION:
        raise ParseError(f"{data.what} begins with 0x{fixed[0]:02x}, expected 0x{_MARKER_AND_VERSION:02x}")
    return Av1Config(fixed[1] >> 5, fixed[1] & 0x1F, data.rest())


def make_av1_config(sequence_header: bytes) -> bytes:
    """The record of a sequence header.

    Args:
        sequence_header: The OBU, with its header and size.

    Raises:
        ParseError: It is broken, or another OBU.
    """
    kind, payload = next(iter(split_obus(sequence_header)), (None, b""))
    if kind != ObuType.SEQUENCE_HEADER:
        raise ParseError(f"AV1 OBU is of type {kind}, expected {ObuType.SEQUENCE_HEADER}")
    sequence = read_sequence_header(payload)
    fixed = (_MARKER_AND_VERSION, sequence.profile << 5 | sequence.level, sequence.format_bits(), 0)
    return bytes(fixed) + sequence_header


def config_of_descriptor(descriptor: bytes) -> bytes:
    """The configuration record that says what an AV1 video descriptor of MPEG-2 TS does; raises ParseError."""
    data = ByteReader(descriptor, "AV1 video descriptor")
    tag, size = data.u8(), data.u8()
    if tag != _DESCRIPTOR_TAG or size < _FIXED_SIZE:
        raise ParseError(f"{data.what} has tag {tag} and {size} bytes, expected {_DESCRIPTOR_TAG} and {_FIXED_SIZE}")
    fixed = data.take(_FIXED_SIZE)
    # The last byte begins with what the record does not have: the range of colors.
    return read_av1_config(fixed) and fixed[:-1] + bytes((fixed[-1] & _DELAY_BITS,))


def split_obus(data: bytes) -> list[tuple[int, bytes]]:
    """Type and payload of each OBU; raises ParseError if one is cut off (AV1, section 5.3)."""
    reader = ByteReader(data, "AV1 OBU")
    obus = []
    while reader.left:
        header = reader.u8()
        if header & 0x80:
            raise ParseError(f"{reader.what} begins with 0x{header:02x}, expected its first bit to be 0")
        if header & _HAS_EXTENSION:
            reader.u8()
        size = read_leb128(reader) if header & _HAS_SIZE else reader.left
        obus.append((header >> 3 & 0xF, reader.take(size)))
    return obus


def read_obu(data: bytes) -> Obu:
    """The one OBU that the bytes are, with or without its size; raises ParseError if it is cut off."""
    reader = ByteReader(data, "AV1 OBU")
    first = reader.u8()
    if first & 0x80:
        raise ParseError(f"{reader.what} begins with 0x{first:02x}, expected its first bit to be 0")
    header = bytes((first & ~_HAS_SIZE,))
    if first & _HAS_EXTENSION:
        header += bytes((reader.u8(),))
    size = read_leb128(reader) if first & _HAS_SIZE else reader.left
    return Obu(first >> 3 & 0xF, header, reader.take(size))


def read_leb128(reader: ByteReader) -> int:
    """A number of seven bits in each byte (AV1, section 4.10.5); raises ParseError past the end or eight bytes."""
    number = 0
    for index in range(_MAX_LEB128_BYTES):
        byte = reader.u8()
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number
    raise ParseError(f"{reader.what} has a size of more than {_MAX_LEB128_BYTES} bytes")


def _leb128_bytes(number: int) -> bytes:
    written = bytearray()
    while number >= 0x80:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)
