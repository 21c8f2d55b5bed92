"""The configuration record of VP8 and VP9 (VP Codec ISO Media File Format Binding 1.0), and VP9's levels."""

from __future__ import annotations

from typing import Final, NamedTuple

RECORD_SIZE: Final = 8
_UNSPECIFIED: Final = 2
# The highest level is for pictures beyond all.
_ASSUMED_RATE: Final = 30
_LEVELS: Final = (
    (10, 829_440, 36_864),
    (11, 2_764_800, 73_728),
    (20, 4_608_000, 122_880),
    (21, 9_216_000, 245_760),
    (30, 20_736_000, 552_960),
    (31, 36_864_000, 983_040),
    (40, 83_558_400, 2_228_224),
    (41, 160_432_128, 2_228_224),
    (50, 311_951_360, 8_912_896),
    (51, 588_251_136, 8_912_896),
    (52, 1_176_502_272, 8_912_896),
    (60, 1_176_502_272, 35_651_584),
    (61, 2_353_004_544, 35_651_584),
)
"""Ten times the level, and the most pixels that it has in a second and in a picture (VP9 bitstream specification,
annex A)."""
_HIGHEST_LEVEL: Final = 62


class VpFormat(NamedTuple):
    """How pictures are coded, as a key frame says it.

    Attributes:
        profile: 0 to 3.
        bits: Of a sample.
        subsampling: Whether colors have half the width, and half the height.
        is_full_range: Whether samples use all their values.
        width: In pixels.
        height: In pixels.
    """

    profile: int
    bits: int
    subsampling: tuple[bool, bool]
    is_full_range: bool
    width: int
    height: int

    def record(self) -> bytes:
        """The record, without version and flags of its box.

        ::

             profile (8) | level (8) | bits (4) chroma subsampling (3) full range (1) | color primaries (8)
             | transfer characteristics (8) | matrix coefficients (8) | size of initialization data (16), which is 0

        The level is that of 30 pictures a second, since a frame does not say how many there are. Of colors, the frames
        themselves say what there is to say.
        """
        third = self.bits << 4 | _CHROMA[self.subsampling] << 1 | self.is_full_range
        return bytes((self.profile, level(self.width, self.height), third, *(_UNSPECIFIED,) * 3, 0, 0))


_CHROMA: Final = {(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 3}
"""``chromaSubsampling``; colors of half the height alone have no number, and come as what has no fewer samples."""


def level(width: int, height: int) -> int:
    """Ten times VP9's level for pictures of that size, 30 a second."""
    pixels = width * height
    for number, per_second, per_picture in _LEVELS:
        if pixels <= per_picture and pixels * _ASSUMED_RATE <= per_second:
            return number
    return _HIGHEST_LEVEL
