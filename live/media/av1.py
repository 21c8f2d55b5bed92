"""AV1: the configuration record (AV1 in ISOBMFF 1.2, section 2.3.3), and the sequence header in it."""

from __future__ import annotations

from typing import NamedTuple

from miso.live.errors import ParseError
from miso.live.media.av1_sequence import Av1Sequence, read_sequence_header
from miso.live.media.byte_reader import ByteReader

_MARKER_AND_VERSION = 0x81
_FIXED_SIZE = 4
# Its MPEG-2 TS form (AV1 in MPEG-2 TS, section 2.1).
_DESCRIPTOR_TAG = 0x80
_SEQUENCE_HEADER = 1
_HAS_SIZE = 0b010
_HAS_EXTENSION = 0b100
_MAX_LEB128_BYTES = 8
_DELAY_BITS = 0x1F


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
        header = next((payload for kind, payload in split_obus(self.obus) if kind == _SEQUENCE_HEADER), None)
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
    if kind != _SEQUENCE_HEADER:
        raise ParseError(f"AV1 OBU is of type {kind}, expected {_SEQUENCE_HEADER}")
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
        size = _leb128(reader) if header & _HAS_SIZE else reader.left
        obus.append((header >> 3 & 0xF, reader.take(size)))
    return obus


def _leb128(reader: ByteReader) -> int:
    number = 0
    for index in range(_MAX_LEB128_BYTES):
        byte = reader.u8()
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number
    raise ParseError(f"{reader.what} has a size of more than {_MAX_LEB128_BYTES} bytes")
