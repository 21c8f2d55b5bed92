"""What a video codec's parameters say of its pictures."""

from __future__ import annotations

from typing import NamedTuple

from miso.live.errors import ParseError
from miso.live.media.bit_reader import BitReader

_MAX_SIDE = 16_384
_EXTENDED_SAR = 255
_TIME_BITS = 32


class PictureFormat(NamedTuple):
    """Of a video track.

    Attributes:
        width: In pixels, as shown.
        height: In pixels, as shown.
        frame_rate: Per second; None if it is not said.
        chroma_format: 0 for gray, 1 for 4:2:0, 2 for 4:2:2, 3 for 4:4:4.
        luma_bits: Of a sample.
        chroma_bits: Of a sample.
    """

    width: int
    height: int
    frame_rate: float | None
    chroma_format: int
    luma_bits: int
    chroma_bits: int


def check_side(what: str, pixels: int) -> int:
    """Raises ParseError for a width or height that no picture has."""
    if not 0 < pixels <= _MAX_SIDE:
        raise ParseError(f"{what} has a side of {pixels} pixels, expected 1 to {_MAX_SIDE}")
    return pixels


def skip_video_signal(bits: BitReader) -> None:
    """Passes over what begins the video usability information of both H.264 (E.1.1) and H.265 (E.2.1)."""
    if bits.flag() and bits.bits(8) == _EXTENDED_SAR:
        bits.bits(32)
    if bits.flag():  # overscan
        bits.flag()
    if bits.flag():  # video signal type
        bits.bits(4)
        if bits.flag():  # colour description
            bits.bits(24)
    if bits.flag():  # chroma location
        bits.skip_ue(2)


def read_rate(bits: BitReader) -> float | None:
    """Ticks per second, from their length and the time scale; None if one of them is 0."""
    units, scale = bits.bits(_TIME_BITS), bits.bits(_TIME_BITS)
    return scale / units if units and scale else None
