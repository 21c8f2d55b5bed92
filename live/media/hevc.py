"""H.265: the configuration record (ISO 14496-15, 8.3.3.1): VPS, SPS and PPS, profile and level."""

from __future__ import annotations

from typing import NamedTuple

from miso.live.errors import ParseError
from miso.live.media.bit_reader import without_emulation_prevention
from miso.live.media.byte_reader import ByteReader
from miso.live.media.hevc_sps import PROFILE_OFFSET, PROFILE_SIZE, read_hevc_sps
from miso.live.media.nal_units import LENGTH_SIZES

_VERSION = 1
VPS, SPS, PPS = 32, 33, 34
_GENERAL_SIZE = 21
_IS_COMPLETE = 0x80
_TYPE_MASK = 0x3F
_NAL_UNIT_HEADER_SIZE = 2
_MAX_UNITS = 64


class HevcConfig(NamedTuple):
    """What a decoder needs before the first picture.

    Attributes:
        general: The record's first 21 bytes: version, profile, level, format.
        last: The byte after them: constant frame rate, temporal layers, ``length_size``.
        arrays: NAL unit type with the record's flag, and the units, in the record's order.
    """

    general: bytes
    last: int
    arrays: tuple[tuple[int, tuple[bytes, ...]], ...]

    @property
    def profile(self) -> int:
        """``general_profile_idc``."""
        return self.general[1] & 0x1F

    @property
    def level(self) -> int:
        """``general_level_idc``, thirty times the level."""
        return self.general[12]

    @property
    def length_size(self) -> int:
        """How many bytes the length before each NAL unit takes."""
        return (self.last & 0b11) + 1

    def units(self, unit_type: int) -> tuple[bytes, ...]:
        """The NAL units of one type: :data:`VPS`, :data:`SPS`, :data:`PPS`."""
        return tuple(unit for head, units in self.arrays if head & _TYPE_MASK == unit_type for unit in units)

    def to_bytes(self) -> bytes:
        """The record."""
        record = bytearray(self.general)
        record += bytes((self.last, len(self.arrays)))
        for head, units in self.arrays:
            record.append(head)
            record += len(units).to_bytes(2, "big")
            for unit in units:
                record += len(unit).to_bytes(2, "big") + unit
        return bytes(record)


def read_hevc_config(record: bytes) -> HevcConfig:
    """Raises ParseError if it is cut off, lacks a parameter set, or has units in an array of another type."""
    data = ByteReader(record, "HEVC configuration record")
    general = data.take(_GENERAL_SIZE)
    if general[0] != _VERSION:
        raise ParseError(f"{data.what} has version {general[0]}, expected {_VERSION}")
    last = data.u8()
    arrays = []
    left = _MAX_UNITS
    for _ in range(data.u8()):
        head, count = data.u8(), data.unsigned(2)
        left -= count
        if left < 0:
            raise ParseError(f"{data.what} has more than the {_MAX_UNITS} NAL units allowed")
        units = tuple(data.take(data.unsigned(2)) for _ in range(count))
        _check_units(data.what, units, head & _TYPE_MASK)
        arrays.append((head, units))
    config = HevcConfig(general, last, tuple(arrays))
    if config.length_size not in LENGTH_SIZES:
        raise ParseError(f"{data.what} has lengths of {config.length_size} bytes, expected 1, 2 or 4")
    for unit_type in (VPS, SPS, PPS):
        if not config.units(unit_type):
            raise ParseError(f"{data.what} has no NAL unit of type {unit_type}, expected VPS, SPS and PPS")
    return config


def make_hevc_config(vps: list[bytes], sps: list[bytes], pps: list[bytes]) -> HevcConfig:
    """The record of the parameter sets, with lengths of four bytes.

    Raises:
        ParseError: A parameter set is missing or none, or the first SPS is broken.
    """
    arrays = tuple((_IS_COMPLETE | kind, tuple(units)) for kind, units in ((VPS, vps), (SPS, sps), (PPS, pps)))
    for head, units in arrays:
        if not units:
            raise ParseError(f"HEVC has no NAL unit of type {head & _TYPE_MASK}, expected VPS, SPS and PPS")
        _check_units("HEVC parameter sets", units, head & _TYPE_MASK)
    plain = without_emulation_prevention(sps[0])
    picture = read_hevc_sps(sps[0])
    general = bytes((_VERSION,)) + plain[PROFILE_OFFSET : PROFILE_OFFSET + PROFILE_SIZE]
    # Spatial segmentation, parallelism and frame rate are not said. Reserved bits are set.
    general += bytes((0xF0, 0, 0xFC, 0xFC | picture.chroma_format))
    general += bytes((0xF8 | picture.luma_bits - 8, 0xF8 | picture.chroma_bits - 8, 0, 0))
    temporal_layers = (plain[_NAL_UNIT_HEADER_SIZE] >> 1 & 0b111) + 1
    is_nested = plain[_NAL_UNIT_HEADER_SIZE] & 1
    return HevcConfig(general, temporal_layers << 3 | is_nested << 2 | 4 - 1, arrays)


def _check_units(what: str, units: tuple[bytes, ...], unit_type: int) -> None:
    for unit in units:
        if len(unit) < _NAL_UNIT_HEADER_SIZE or unit[0] >> 1 & _TYPE_MASK != unit_type:
            raise ParseError(f"{what}: a NAL unit begins with {unit[:2].hex() or 'nothing'}, expected type {unit_type}")
