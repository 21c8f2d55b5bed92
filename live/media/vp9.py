"""VP9: the configuration record (VP Codec ISO Media File Format Binding), and the size of a key frame's pictures.

The record does not say the size; the frame does (VP9 bitstream specification, 6.2 and 7.2).
"""

from __future__ import annotations

from typing import NamedTuple

from miso.live.errors import ParseError
from miso.live.media.bit_reader import BitReader
from miso.live.media.picture_format import check_side

_FRAME_MARKER = 2
_SYNC_CODE = 0x498342
_PROFILE_WITH_DEPTH = 2
_PROFILE_RESERVED = 3
_PROFILES_WITH_SUBSAMPLING = (1, 3)
_SRGB = 7
_RECORD_SIZE = 8
# ffmpeg's record begins with the version and flags of its box; other writers leave them out.
_BOX_VERSION = bytes((1, 0, 0, 0))


class Vp9Config(NamedTuple):
    """How the pictures are coded.

    Attributes:
        profile: 0 to 3.
        level: Ten times the level.
        bits: Of a sample.
        record: The record, without the version and flags of its box.
    """

    profile: int
    level: int
    bits: int
    record: bytes


class Vp9Size(NamedTuple):
    """In pixels."""

    width: int
    height: int


def read_vp9_size(frame: bytes) -> Vp9Size:
    """Raises ParseError if the frame is cut off, no key frame, or of a size that no picture has."""
    bits = BitReader(frame, "VP9 frame")
    marker = bits.bits(2)
    profile = bits.bits(1) | bits.bits(1) << 1
    if profile == _PROFILE_RESERVED:
        bits.bits(1)
    shows_existing, is_inter = bits.flag(), bits.flag()
    if marker != _FRAME_MARKER or shows_existing or is_inter:
        raise ParseError(f"{bits.what} begins with {frame[:1].hex()}, expected a key frame")
    bits.bits(2)  # shown, resilient to errors
    sync_code = bits.bits(24)
    if sync_code != _SYNC_CODE:
        raise ParseError(f"{bits.what} has sync code 0x{sync_code:06x}, expected 0x{_SYNC_CODE:06x}")
    if profile >= _PROFILE_WITH_DEPTH:
        bits.bits(1)
    if bits.bits(3) != _SRGB:
        bits.bits(1)  # range
        if profile in _PROFILES_WITH_SUBSAMPLING:
            bits.bits(3)
    elif profile in _PROFILES_WITH_SUBSAMPLING:
        bits.bits(1)
    width, height = bits.bits(16) + 1, bits.bits(16) + 1
    return Vp9Size(check_side(bits.what, width), check_side(bits.what, height))


def read_vp9_config(record: bytes) -> Vp9Config:
    """Raises ParseError if it is cut off."""
    if len(record) >= len(_BOX_VERSION) + _RECORD_SIZE and record.startswith(_BOX_VERSION):
        record = record[len(_BOX_VERSION) :]
    if len(record) < _RECORD_SIZE:
        raise ParseError(f"VP9 configuration record has {len(record)} bytes, expected at least {_RECORD_SIZE}")
    return Vp9Config(record[0], record[1], record[2] >> 4, record)
