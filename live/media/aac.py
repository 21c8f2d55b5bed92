"""AAC: the AudioSpecificConfig (ISO 14496-3, 1.6.2.1)."""

from __future__ import annotations

from typing import NamedTuple

from miso.live.errors import ParseError
from miso.live.media.bit_reader import BitReader

_RATES_HZ = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
_EXPLICIT_RATE = 15
_MAX_EXPLICIT_RATE_HZ = (1 << 24) - 1
_CHANNELS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 14: 8}
_CONFIGURATIONS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 11, 8: 7}
_IN_PROGRAM_CONFIG = 0
LOW_COMPLEXITY = 2
_SBR = 5
_ESCAPE = 31
_PARAMETRIC_STEREO = 29
# Types whose specific configuration is of general audio.
_GENERAL_AUDIO = frozenset((1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23))
_SCALABLE = (6, 20)
_SBR_SYNC = 0x2B7
_SBR_SYNC_BITS = 11
_PS_SYNC = 0x548


class AacConfig(NamedTuple):
    """How the frames are coded.

    Attributes:
        object_type: 2 for AAC-LC.
        core_rate_hz: Of the coded frames.
        sample_rate_hz: Of what a decoder gives; with spectral band replication twice the other.
        channels: Of what a decoder gives; 0 if it is not said.
    """

    object_type: int
    core_rate_hz: int
    sample_rate_hz: int
    channels: int


def read_aac_config(config: bytes) -> AacConfig:
    """Raises ParseError if it is cut off, or has rates or channels that are reserved."""
    bits = BitReader(config, "AAC configuration")
    object_type = _object_type(bits)
    core_rate_hz = sample_rate_hz = _rate(bits)
    configuration = bits.bits(4)
    has_ps = object_type == _PARAMETRIC_STEREO
    if object_type in (_SBR, _PARAMETRIC_STEREO):
        sample_rate_hz = _rate(bits)
        object_type = _object_type(bits)
    channels = _CHANNELS.get(configuration, 0)
    if not channels and configuration != _IN_PROGRAM_CONFIG:
        raise ParseError(f"{bits.what} has channel configuration {configuration}, expected 0 to 7, 11, 12 or 14")
    if object_type in _GENERAL_AUDIO:
        channels = _general_audio(bits, object_type, channels)
        if sample_rate_hz == core_rate_hz:
            sample_rate_hz, has_ps = _extension(bits, core_rate_hz)
    return AacConfig(object_type, core_rate_hz, sample_rate_hz, 2 if has_ps and channels == 1 else channels)


def make_aac_config(sample_rate_hz: int, channels: int, object_type: int = LOW_COMPLEXITY) -> bytes:
    """The configuration of frames of 1024 samples.

    Raises:
        ValueError: There is no such rate, number of channels, or type.
    """
    configuration = _CONFIGURATIONS.get(channels)
    if configuration is None or not 0 < sample_rate_hz <= _MAX_EXPLICIT_RATE_HZ or not 0 < object_type < _ESCAPE:
        raise ValueError(f"AAC of type {object_type} with {channels} channels at {sample_rate_hz} Hz cannot be said")
    if sample_rate_hz in _RATES_HZ:
        number, size = object_type << 4 | _RATES_HZ.index(sample_rate_hz), 9
    else:
        number, size = (object_type << 4 | _EXPLICIT_RATE) << 24 | sample_rate_hz, 33
    # The channels, and three bits of general audio: nothing special.
    number, size = number << 7 | configuration << 3, size + 7
    return (number << (-size & 7)).to_bytes((size + 7) // 8, "big")


def _object_type(bits: BitReader) -> int:
    object_type = bits.bits(5)
    return 32 + bits.bits(6) if object_type == _ESCAPE else object_type


def _rate(bits: BitReader) -> int:
    index = bits.bits(4)
    if index == _EXPLICIT_RATE:
        rate_hz = bits.bits(24)
        if not rate_hz:
            raise ParseError(f"{bits.what} has a rate of 0 Hz, expected at least 1")
        return rate_hz
    if index >= len(_RATES_HZ):
        raise ParseError(f"{bits.what} has rate index {index}, expected 0 to {len(_RATES_HZ) - 1} or {_EXPLICIT_RATE}")
    return _RATES_HZ[index]


def _general_audio(bits: BitReader, object_type: int, channels: int) -> int:
    """Passes over GASpecificConfig (4.4.1); the channels, also if a program config element says them."""
    bits.flag()  # frames of 960 samples
    if bits.flag():  # depends on a core coder
        bits.bits(14)
    has_extension = bits.flag()
    if not channels:
        channels = _program_config_channels(bits)
    if object_type in _SCALABLE:
        bits.bits(3)
    if has_extension:
        if object_type == 22:
            bits.bits(16)
        if object_type in (17, 19, 20, 23):
            bits.bits(3)
        bits.flag()
    return channels


def _program_config_channels(bits: BitReader) -> int:
    bits.bits(4 + 2 + 4)
    front, side, back, low = bits.bits(4), bits.bits(4), bits.bits(4), bits.bits(2)
    data, coupling = bits.bits(3), bits.bits(4)
    for size in (4, 4, 3):  # mixdowns
        if bits.flag():
            bits.bits(size)
    channels = low
    for _ in range(front + side + back):
        channels += 2 if bits.flag() else 1
        bits.bits(4)
    bits.bits(4 * low + 4 * data + 5 * coupling)
    bits.bits(-(bits.position) & 7)
    bits.bits(8 * bits.bits(8))  # a comment
    return channels


def _extension(bits: BitReader, core_rate_hz: int) -> tuple[int, bool]:
    """The rate after spectral band replication and whether there is parametric stereo, if said at the end (1.6.6.1)."""
    if bits.left < _SBR_SYNC_BITS + 5 or bits.bits(_SBR_SYNC_BITS) != _SBR_SYNC or _object_type(bits) != _SBR:
        return core_rate_hz, False
    if not bits.left or not bits.flag():
        return core_rate_hz, False
    rate_hz = _rate(bits)
    has_ps = bits.left >= _SBR_SYNC_BITS + 1 and bits.bits(_SBR_SYNC_BITS) == _PS_SYNC and bits.flag()
    return rate_hz, has_ps
