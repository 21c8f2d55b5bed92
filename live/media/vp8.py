"""VP8: what a key frame says of its pictures (RFC 6386, sections 9.1 and 19.1)."""

from __future__ import annotations

from typing import Final

from miso.live.errors import ParseError
from miso.live.media.picture_format import check_side
from miso.live.media.vp_config import VpFormat

_INTER: Final = 0x01
_KEY_HEADER_SIZE: Final = 10
_START_CODE: Final = b"\x9d\x01\x2a"
_PROFILE_MASK: Final = 0x07
_MAX_PROFILE: Final = 3
_SIDE_MASK: Final = 0x3FFF
_BITS: Final = 8


def is_vp8_key_frame(frame: bytes) -> bool:
    """Whether a decoder can begin with it."""
    return bool(frame) and not frame[0] & _INTER


def read_vp8_key_frame(frame: bytes) -> VpFormat:
    """How the pictures are coded from a key frame on.

    ::

         frame tag (24, little endian): size of the first partition (19) | shown (1) | version (3) | inter (1)
         start code (24) | scale (2) width (14) | scale (2) height (14), both little endian

    Raises:
        ParseError: It is cut off, no key frame, or of a size that no picture has.
    """
    if len(frame) < _KEY_HEADER_SIZE or frame[0] & _INTER or frame[3:6] != _START_CODE:
        raise ParseError(
            f"VP8 frame begins with {frame[:_KEY_HEADER_SIZE].hex()}, expected a key frame of {_KEY_HEADER_SIZE} bytes"
        )
    profile = frame[0] >> 1 & _PROFILE_MASK
    if profile > _MAX_PROFILE:
        raise ParseError(f"VP8 frame has version {profile}, expected at most {_MAX_PROFILE}")
    width, height = (int.from_bytes(frame[at : at + 2], "little") & _SIDE_MASK for at in (6, 8))
    return VpFormat(
        profile,
        _BITS,
        subsampling=(True, True),
        is_full_range=False,
        width=check_side("VP8 frame", width),
        height=check_side("VP8 frame", height),
    )
