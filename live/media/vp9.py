"""VP9: the configuration record (VP Codec ISO Media File Format Binding), key frames, and frames that belong together.

The record does not say the size; the frame does (VP9 bitstream specification, 6.2 and 7.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from miso.live.errors import ParseError
from miso.live.media.bit_reader import BitReader
from miso.live.media.picture_format import check_side
from miso.live.media.vp_config import RECORD_SIZE, VpFormat

_FRAME_MARKER = 2
_PROFILE_BITS = 0x30
_EXISTING_OR_INTER = 0b11
_SYNC_CODE = 0x498342
_PROFILE_WITH_DEPTH = 2
_PROFILE_RESERVED = 3
_PROFILES_WITH_SUBSAMPLING = (1, 3)
_SRGB = 7
MAX_SUPERFRAME: Final = 8
"""Frames that belong together."""
_SUPERFRAME = 0xC0
_SUPERFRAME_MASK = 0xE0
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


def is_vp9_key_frame(frame: bytes) -> bool:
    """Whether a decoder can begin with it, by its first byte.

    ::

         marker (2), which is 2 | profile (2) | reserved, of profile 3 alone | shows an existing frame | inter
    """
    if not frame or frame[0] >> 6 != _FRAME_MARKER:
        return False
    is_reserved = frame[0] & _PROFILE_BITS == _PROFILE_BITS
    return not frame[0] >> (1 if is_reserved else 2) & _EXISTING_OR_INTER


def read_vp9_key_frame(frame: bytes) -> VpFormat:
    """How the pictures are coded from a key frame on.

    Raises:
        ParseError: It is cut off, no key frame, or of a size that no picture has.
    """
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
    sample_bits = (12 if bits.flag() else 10) if profile >= _PROFILE_WITH_DEPTH else 8
    has_other_subsampling = profile in _PROFILES_WITH_SUBSAMPLING
    if bits.bits(3) == _SRGB:
        is_full_range, subsampling = True, (False, False)
        bits.bits(1 if has_other_subsampling else 0)
    else:
        is_full_range, subsampling = bits.flag(), (True, True)
        if has_other_subsampling:
            subsampling = bits.flag(), bits.flag()
            bits.bits(1)
    width, height = bits.bits(16) + 1, bits.bits(16) + 1
    return VpFormat(
        profile,
        sample_bits,
        subsampling,
        is_full_range,
        width=check_side(bits.what, width),
        height=check_side(bits.what, height),
    )


def join_vp9_frames(frames: Sequence[bytes]) -> bytes:
    """Several frames of one moment as one: a superframe (VP9 bitstream specification, annex B).

    Its index stands behind the frames: how many there are and how many bytes a size takes, the sizes, and that again.
    """
    if len(frames) == 1:
        return frames[0]
    size_bytes = (max(len(frame) for frame in frames).bit_length() + 7) // 8
    mark = bytes((_SUPERFRAME | (size_bytes - 1) << 3 | (len(frames) - 1),))
    sizes = b"".join(len(frame).to_bytes(size_bytes, "little") for frame in frames)
    return b"".join(frames) + mark + sizes + mark


def split_vp9_frames(data: bytes) -> list[bytes]:
    """The frames of a superframe, or the one frame that it is. What has no index that fits is one frame."""
    mark = data[-1] if data else 0
    if mark & _SUPERFRAME_MASK != _SUPERFRAME:
        return [data]
    count, size_bytes = (mark & 0x7) + 1, (mark >> 3 & 0x3) + 1
    index_size = 2 + count * size_bytes
    index = data[-index_size:]
    if len(data) < index_size or index[0] != mark:
        return [data]
    sizes = [int.from_bytes(index[at : at + size_bytes], "little") for at in range(1, index_size - 1, size_bytes)]
    if sum(sizes) > len(data) - index_size:
        return [data]
    frames, position = [], 0
    for size in sizes:
        frames.append(data[position : position + size])
        position += size
    return frames


def read_vp9_config(record: bytes) -> Vp9Config:
    """Raises ParseError if it is cut off."""
    if len(record) >= len(_BOX_VERSION) + RECORD_SIZE and record.startswith(_BOX_VERSION):
        record = record[len(_BOX_VERSION) :]
    if len(record) < RECORD_SIZE:
        raise ParseError(f"VP9 configuration record has {len(record)} bytes, expected at least {RECORD_SIZE}")
    return Vp9Config(record[0], record[1], record[2] >> 4, record)
