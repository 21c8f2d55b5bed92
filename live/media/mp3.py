"""What the header of an MP3 frame says (ISO 11172-3, 2.4.1.3)."""

from __future__ import annotations

from typing import NamedTuple

from miso.live.errors import ParseError

_HEADER_SIZE = 4
_RATES_HZ = (44_100, 48_000, 32_000)
_VERSION_DIVISORS = {0b11: 1, 0b10: 2, 0b00: 4}  # MPEG 1, 2, 2.5
_MONO = 0b11
# FLV has no number for other rates: 48 kHz is written as 44.1, 24 as 22.05, as encoders do; decoders read the frame.
_FLV_RATES = {1: 3, 2: 2, 4: 1}
_FLV_16_BITS = 0b10
_FLV_STEREO = 0b01


class Mp3Header(NamedTuple):
    """How a frame is coded."""

    sample_rate_hz: int
    channels: int


def read_mp3_header(frame: bytes) -> Mp3Header:
    """Raises ParseError if no frame begins there."""
    divisor, rate_index, is_mono = _fields(frame)
    return Mp3Header(_RATES_HZ[rate_index] // divisor, 1 if is_mono else 2)


def flv_sound_bits(frame: bytes) -> int | None:
    """The low four bits of an FLV audio body's first byte; None if no frame begins there."""
    try:
        divisor, _, is_mono = _fields(frame)
    except ParseError:
        return None
    return _FLV_RATES[divisor] << 2 | _FLV_16_BITS | (0 if is_mono else _FLV_STEREO)


def _fields(frame: bytes) -> tuple[int, int, bool]:
    """Rate divisor, index of the rate, mono."""
    if len(frame) < _HEADER_SIZE:
        raise ParseError(f"MP3 frame ends too early: have {len(frame)} bytes, need {_HEADER_SIZE}")
    if frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0:
        raise ParseError(f"MP3 frame begins with {frame[:2].hex()}, expected 11 set bits")
    version, rate_index = frame[1] >> 3 & 0b11, frame[2] >> 2 & 0b11
    if version not in _VERSION_DIVISORS or rate_index >= len(_RATES_HZ):
        raise ParseError(f"MP3 frame has version {version} and rate {rate_index}, expected known ones")
    return _VERSION_DIVISORS[version], rate_index, frame[3] >> 6 == _MONO
