"""H.264: the configuration record (ISO 14496-15, 5.3.3.1), and what the parameter set in it says (H.264, 7.3.2.1.1)."""

from __future__ import annotations

from typing import NamedTuple

from miso.live.errors import ParseError
from miso.live.media.bit_reader import BitReader, without_emulation_prevention
from miso.live.media.byte_reader import ByteReader
from miso.live.media.nal_units import LENGTH_SIZES
from miso.live.media.picture_format import PictureFormat, check_side, read_rate, skip_video_signal

_VERSION = 1
_SPS = 7
_PPS = 8
_TYPE_MASK = 0x1F
_MAX_SPS = 31
_MAX_PPS = 255
# Their parameter sets say the chroma format and the bits of samples.
_WITH_CHROMA_FORMAT = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
# Their records do.
_WITH_CHROMA_IN_RECORD = frozenset((100, 110, 122, 144))
_CHROMA_420 = 1
_CHROMA_444 = 3
_MACROBLOCK = 16


class AvcConfig(NamedTuple):
    """What a decoder needs before the first picture.

    Attributes:
        profile: ``profile_idc``.
        compatibility: The constraint flags.
        level: ``level_idc``, ten times the level.
        length_size: How many bytes the length before each NAL unit takes.
        sps: Sequence parameter sets.
        pps: Picture parameter sets.
        extension: What follows them, of the high profiles.
    """

    profile: int
    compatibility: int
    level: int
    length_size: int
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    extension: bytes = b""

    def to_bytes(self) -> bytes:
        """The record."""
        record = bytearray((_VERSION, self.profile, self.compatibility, self.level, 0xFC | self.length_size - 1))
        record.append(0xE0 | len(self.sps))
        for unit in self.sps:
            record += len(unit).to_bytes(2, "big") + unit
        record.append(len(self.pps))
        for unit in self.pps:
            record += len(unit).to_bytes(2, "big") + unit
        return bytes(record) + self.extension


def read_avc_config(record: bytes) -> AvcConfig:
    """Raises ParseError if it is cut off, has no parameter sets, or units of other types among them."""
    data = ByteReader(record, "AVC configuration record")
    version, profile, compatibility, level = data.take(4)
    if version != _VERSION:
        raise ParseError(f"{data.what} has version {version}, expected {_VERSION}")
    length_size = (data.u8() & 0b11) + 1
    if length_size not in LENGTH_SIZES:
        raise ParseError(f"{data.what} has lengths of {length_size} bytes, expected 1, 2 or 4")
    sps = _units(data, data.u8() & _MAX_SPS, _SPS)
    pps = _units(data, data.u8(), _PPS)
    return AvcConfig(profile, compatibility, level, length_size, sps, pps, data.rest())


def make_avc_config(sps: list[bytes], pps: list[bytes]) -> AvcConfig:
    """The record of the parameter sets, with lengths of four bytes.

    Raises:
        ParseError: A parameter set is none, or there are too many.
    """
    if not 0 < len(sps) <= _MAX_SPS or not 0 < len(pps) <= _MAX_PPS:
        raise ParseError(f"AVC has {len(sps)} SPS and {len(pps)} PPS, expected 1 to {_MAX_SPS} and 1 to {_MAX_PPS}")
    _check_units("AVC parameter sets", sps, _SPS)
    _check_units("AVC parameter sets", pps, _PPS)
    profile, compatibility, level = ByteReader(sps[0], "AVC sequence parameter set", 1).take(3)
    extension = b""
    if profile in _WITH_CHROMA_IN_RECORD:
        picture = read_avc_sps(sps[0])
        extension = bytes(
            (0xFC | picture.chroma_format, 0xF8 | picture.luma_bits - 8, 0xF8 | picture.chroma_bits - 8, 0)
        )
    return AvcConfig(profile, compatibility, level, 4, tuple(sps), tuple(pps), extension)


def read_avc_sps(sps: bytes) -> PictureFormat:
    """What the sequence parameter set says of the pictures; raises ParseError if it is cut off or out of its bounds."""
    bits = BitReader(without_emulation_prevention(sps[1:]), "AVC sequence parameter set")
    profile = bits.bits(8)
    bits.bits(16)
    bits.at_most(31, "id")
    chroma_format, luma_bits, chroma_bits = _CHROMA_420, 8, 8
    has_planes = False
    if profile in _WITH_CHROMA_FORMAT:
        chroma_format = bits.at_most(_CHROMA_444, "chroma format")
        has_planes = chroma_format == _CHROMA_444 and bits.flag()
        luma_bits, chroma_bits = 8 + bits.at_most(6, "bits"), 8 + bits.at_most(6, "bits")
        bits.flag()
        if bits.flag():
            _skip_scaling_lists(bits, 12 if chroma_format == _CHROMA_444 else 8)
    bits.ue()
    _skip_picture_order(bits)
    bits.ue()
    bits.flag()
    width, height = _MACROBLOCK * (bits.ue() + 1), _MACROBLOCK * (bits.ue() + 1)
    is_progressive = bits.flag()
    if not is_progressive:
        height *= 2
        bits.flag()
    bits.flag()
    if bits.flag():
        left, right, top, bottom = (bits.ue() for _ in range(4))
        has_half_width = chroma_format in (1, 2) and not has_planes
        has_half_height = chroma_format == _CHROMA_420 and not has_planes
        width -= (left + right) * (2 if has_half_width else 1)
        height -= (top + bottom) * (2 if has_half_height else 1) * (1 if is_progressive else 2)
    check_side(bits.what, width)
    check_side(bits.what, height)
    field_rate = None
    if bits.flag():
        skip_video_signal(bits)
        field_rate = read_rate(bits) if bits.flag() else None
    return PictureFormat(width, height, field_rate and field_rate / 2, chroma_format, luma_bits, chroma_bits)


def _units(data: ByteReader, count: int, unit_type: int) -> tuple[bytes, ...]:
    units = [data.take(data.unsigned(2)) for _ in range(count)]
    if not units:
        raise ParseError(f"{data.what} has no parameter set of type {unit_type}, expected at least one")
    _check_units(data.what, units, unit_type)
    return tuple(units)


def _check_units(what: str, units: list[bytes], unit_type: int) -> None:
    for unit in units:
        if not unit or unit[0] & _TYPE_MASK != unit_type:
            raise ParseError(f"{what}: a NAL unit begins with {unit[:1].hex() or 'nothing'}, expected type {unit_type}")


def _skip_scaling_lists(bits: BitReader, count: int) -> None:
    for index in range(count):
        if not bits.flag():
            continue
        last = following = 8
        for _ in range(16 if index < 6 else 64):
            if following:
                following = (last + bits.se()) % 256
            last = following or last


def _skip_picture_order(bits: BitReader) -> None:
    form = bits.at_most(2, "picture order count type")
    if form == 0:
        bits.ue()
    elif form == 1:
        bits.flag()
        bits.skip_ue(2)
        bits.skip_ue(bits.at_most(255, "reference frames in a cycle"))
