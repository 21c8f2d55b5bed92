"""What a sequence parameter set of H.265 says of the pictures (ITU-T H.265, 7.3.2.2)."""

from __future__ import annotations

from miso.live.media.bit_reader import BitReader, without_emulation_prevention
from miso.live.media.picture_format import PictureFormat, check_side, read_rate, skip_video_signal

# Where the general profile, tier and level stand, in the NAL unit without emulation prevention.
PROFILE_OFFSET = 3
PROFILE_SIZE = 12
_SUB_LAYER_PROFILE_BITS = 88
_SUB_LAYER_LEVEL_BITS = 8
_MAX_SUB_LAYERS = 8
_MAX_REFERENCE_SETS = 64
_MAX_REFERENCES = 16
_MAX_LONG_TERM_REFERENCES = 32
_CHROMA_420 = 1
_CHROMA_422 = 2
_CHROMA_444 = 3


def read_hevc_sps(sps: bytes) -> PictureFormat:
    """Raises ParseError if it is cut off or out of its bounds."""
    bits = BitReader(without_emulation_prevention(sps[2:]), "HEVC sequence parameter set")
    bits.bits(4)
    sub_layers = bits.bits(3)
    bits.flag()
    _skip_profile(bits, sub_layers)
    bits.at_most(15, "id")
    chroma_format = bits.at_most(_CHROMA_444, "chroma format")
    has_planes = chroma_format == _CHROMA_444 and bits.flag()
    width, height = bits.ue(), bits.ue()
    if bits.flag():
        left, right, top, bottom = (bits.ue() for _ in range(4))
        width -= (left + right) * (2 if chroma_format in (_CHROMA_420, _CHROMA_422) and not has_planes else 1)
        height -= (top + bottom) * (2 if chroma_format == _CHROMA_420 and not has_planes else 1)
    check_side(bits.what, width)
    check_side(bits.what, height)
    luma_bits, chroma_bits = 8 + bits.at_most(8, "bits"), 8 + bits.at_most(8, "bits")
    order_bits = 4 + bits.at_most(12, "bits of the picture order count")
    _skip_coding_tools(bits, sub_layers)
    _skip_references(bits, order_bits)
    bits.bits(2)  # temporal motion vectors, strong smoothing
    frame_rate = _read_frame_rate(bits) if bits.flag() else None
    return PictureFormat(width, height, frame_rate, chroma_format, luma_bits, chroma_bits)


def _skip_profile(bits: BitReader, sub_layers: int) -> None:
    bits.bits(8 * PROFILE_SIZE)
    present = [(bits.flag(), bits.flag()) for _ in range(sub_layers)]
    if sub_layers:
        bits.bits(2 * (_MAX_SUB_LAYERS - sub_layers))
    for has_profile, has_level in present:
        bits.bits(_SUB_LAYER_PROFILE_BITS * has_profile + _SUB_LAYER_LEVEL_BITS * has_level)


def _skip_coding_tools(bits: BitReader, sub_layers: int) -> None:
    layers = sub_layers + 1 if bits.flag() else 1
    bits.skip_ue(3 * layers)  # buffering, reordering, latency
    bits.skip_ue(6)  # sizes of blocks, depths of transforms
    if bits.flag() and bits.flag():
        _skip_scaling_lists(bits)
    bits.bits(2)  # asymmetric partitions, sample adaptive offset
    if bits.flag():  # pulse code modulation
        bits.bits(8)
        bits.skip_ue(2)
        bits.flag()


def _skip_scaling_lists(bits: BitReader) -> None:
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            if not bits.flag():
                bits.ue()
                continue
            bits.skip_ue((1 if size > 1 else 0) + min(64, 1 << (4 + 2 * size)))


def _skip_references(bits: BitReader, order_bits: int) -> None:
    count = 0
    for index in range(bits.at_most(_MAX_REFERENCE_SETS, "reference sets")):
        if index and bits.flag():  # predicted from the one before
            bits.flag()
            bits.ue()
            # A picture is in the set if it is used, or if it is said not to be left out.
            count = sum(bits.flag() or bits.flag() for _ in range(count + 1))
        else:
            negative = bits.at_most(_MAX_REFERENCES, "references")
            count = negative + bits.at_most(_MAX_REFERENCES, "references")
            for _ in range(count):
                bits.ue()
                bits.flag()
    if bits.flag():
        for _ in range(bits.at_most(_MAX_LONG_TERM_REFERENCES, "long-term references")):
            bits.bits(order_bits + 1)


def _read_frame_rate(bits: BitReader) -> float | None:
    skip_video_signal(bits)
    bits.bits(3)  # neutral chroma, fields, field information
    if bits.flag():  # default display window
        bits.skip_ue(4)
    return read_rate(bits) if bits.flag() else None
