"""Opus: the identification header (RFC 7845, section 5.1)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from miso.live.errors import ParseError

SAMPLE_RATE_HZ = 48_000
_MAGIC = b"OpusHead"
_FIXED = struct.Struct("<BBHIhB")
_FIXED_SIZE = len(_MAGIC) + _FIXED.size
_MAX_MAJOR_VERSION = 0x0F
_MAX_CHANNELS_WITHOUT_MAPPING = 2


class OpusHead(NamedTuple):
    """What a decoder needs before the first frame.

    Attributes:
        channels: Of the output.
        pre_skip: Samples at 48 kHz to throw away at the beginning.
        input_rate_hz: Of what was encoded; says nothing about decoding.
        gain_q8: To apply, in 256ths of a decibel.
        mapping_family: 0 for mono and stereo without ``mapping``.
        mapping: Of other families: streams, coupled streams, and which of them each channel is.
        version: 1.
    """

    channels: int = 2
    pre_skip: int = 312
    input_rate_hz: int = SAMPLE_RATE_HZ
    gain_q8: int = 0
    mapping_family: int = 0
    mapping: bytes = b""
    version: int = 1

    def to_bytes(self) -> bytes:
        """The header."""
        fixed = _FIXED.pack(
            self.version, self.channels, self.pre_skip, self.input_rate_hz, self.gain_q8, self.mapping_family
        )
        return _MAGIC + fixed + self.mapping


def read_opus_head(data: bytes) -> OpusHead:
    """Raises ParseError if it is cut off or no header, or if its channels do not fit."""
    if len(data) < _FIXED_SIZE or not data.startswith(_MAGIC):
        raise ParseError(
            f"Opus header is {data[:_FIXED_SIZE].hex()}, expected {_FIXED_SIZE} bytes with {_MAGIC.decode()}"
        )
    version, channels, pre_skip, rate_hz, gain_q8, family = _FIXED.unpack_from(data, len(_MAGIC))
    if version > _MAX_MAJOR_VERSION:
        raise ParseError(f"Opus header has version {version}, expected at most {_MAX_MAJOR_VERSION}")
    size = 2 + channels if family else 0
    mapping = data[_FIXED_SIZE : _FIXED_SIZE + size]
    if not channels or len(mapping) < size or (not family and channels > _MAX_CHANNELS_WITHOUT_MAPPING):
        raise ParseError(f"Opus header has {channels} channels of family {family}, expected a mapping of {size} bytes")
    return OpusHead(channels, pre_skip, rate_hz, gain_q8, family, mapping, version)
