"""What a sequence header of AV1 says of the pictures (AV1, sections 5.5.1 to 5.5.4)."""

from __future__ import annotations

from typing import NamedTuple

from miso.live.media.bit_reader import BitReader
from miso.live.media.picture_format import check_side, read_rate

_LEVELS_WITH_TIER = range(8, 32)
_SRGB = (1, 13, 0)
_CHOOSE = 2


class Av1Sequence(NamedTuple):
    """Of a video track.

    Attributes:
        profile: 0 main, 1 high, 2 professional.
        level: ``seq_level_idx``.
        tier: 0 main, 1 high.
        width: In pixels.
        height: In pixels.
        frame_rate: Per second; None if it is not said.
        bits: Of a sample.
        is_gray: There are no colors.
        subsampling: Whether colors have half the width, and half the height.
        chroma_position: ``chroma_sample_position``.
    """

    profile: int
    level: int
    tier: int
    width: int
    height: int
    frame_rate: float | None
    bits: int
    is_gray: bool
    subsampling: tuple[bool, bool]
    chroma_position: int

    def format_bits(self) -> int:
        """The third byte of a configuration record."""
        return (
            self.tier << 7
            | (self.bits > 8) << 6
            | (self.bits > 10) << 5
            | self.is_gray << 4
            | self.subsampling[0] << 3
            | self.subsampling[1] << 2
            | self.chroma_position
        )


def read_sequence_header(payload: bytes) -> Av1Sequence:
    """Reads an OBU without its header; raises ParseError if it is cut off."""
    bits = BitReader(payload, "AV1 sequence header")
    profile = bits.bits(3)
    bits.flag()
    is_reduced = bits.flag()
    level, tier, frame_rate = (bits.bits(5), 0, None) if is_reduced else _operating_points(bits)
    width_bits, height_bits = bits.bits(4) + 1, bits.bits(4) + 1
    width = check_side(bits.what, bits.bits(width_bits) + 1)
    height = check_side(bits.what, bits.bits(height_bits) + 1)
    _skip_tools(bits, is_reduced)
    sample_bits, is_gray, subsampling, chroma_position = _colors(bits, profile)
    return Av1Sequence(
        profile, level, tier, width, height, frame_rate, sample_bits, is_gray, subsampling, chroma_position
    )


def _operating_points(bits: BitReader) -> tuple[int, int, float | None]:
    """Level and tier of the first, and the frame rate."""
    frame_rate = None
    delay_bits = 0
    if bits.flag():
        tick_rate = read_rate(bits)
        ticks = bits.ue() + 1 if bits.flag() else None
        frame_rate = tick_rate / ticks if tick_rate and ticks else None
        if bits.flag():
            delay_bits = bits.bits(5) + 1
            bits.bits(32 + 5 + 5)
    has_initial_delay = bits.flag()
    points = []
    for _ in range(bits.bits(5) + 1):
        bits.bits(12)
        level = bits.bits(5)
        tier = bits.bits(1) if level in _LEVELS_WITH_TIER else 0
        if delay_bits and bits.flag():
            bits.bits(2 * delay_bits + 1)
        if has_initial_delay and bits.flag():
            bits.bits(4)
        points.append((level, tier))
    return *points[0], frame_rate


def _skip_tools(bits: BitReader, is_reduced: bool) -> None:
    if not is_reduced and bits.flag():  # frame ids
        bits.bits(7)
    bits.bits(3)  # superblocks of 128, filters
    if not is_reduced:
        bits.bits(4)  # compound modes, warps, filters
        has_order_hint = bits.flag()
        if has_order_hint:
            bits.bits(2)
        screen_content = _CHOOSE if bits.flag() else bits.bits(1)
        if screen_content and not bits.flag():
            bits.flag()
        if has_order_hint:
            bits.bits(3)
    bits.bits(3)  # super resolution, directional enhancement, restoration


def _colors(bits: BitReader, profile: int) -> tuple[int, bool, tuple[bool, bool], int]:
    """Bits of a sample, gray, subsampling, chroma position."""
    sample_bits = 10 if bits.flag() else 8
    if profile == 2 and sample_bits == 10 and bits.flag():
        sample_bits = 12
    is_gray = profile != 1 and bits.flag()
    description = (bits.bits(8), bits.bits(8), bits.bits(8)) if bits.flag() else None
    if is_gray:
        bits.flag()
        return sample_bits, True, (True, True), 0
    if description == _SRGB:
        return sample_bits, False, (False, False), 0
    bits.flag()  # range
    if profile == 0:
        subsampling = (True, True)
    elif profile == 1:
        subsampling = (False, False)
    elif sample_bits == 12:
        half_width = bits.flag()
        subsampling = (half_width, half_width and bits.flag())
    else:
        subsampling = (True, False)
    return sample_bits, False, subsampling, bits.bits(2) if all(subsampling) else 0
