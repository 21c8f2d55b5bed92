"""FLAC: the stream information that begins a stream (RFC 9639, section 8.2)."""

from __future__ import annotations

from typing import NamedTuple

from miso.live.errors import ParseError
from miso.live.media.bit_reader import BitReader

_MAGIC = b"fLaC"
_BLOCK_HEADER_SIZE = 4
_STREAM_INFO = 0


class FlacStreamInfo(NamedTuple):
    """How the frames are coded."""

    sample_rate_hz: int
    channels: int
    sample_bits: int


def read_flac_config(config: bytes) -> FlacStreamInfo:
    """Reads the stream information: after the stream's marker as enhanced RTMP says, or alone as ffmpeg sends it.

    Raises:
        ParseError: It is cut off, or another block comes first.
    """
    if config.startswith(_MAGIC):
        block = config[len(_MAGIC)] & 0x7F if len(config) > len(_MAGIC) else None
        if block != _STREAM_INFO:
            raise ParseError(f"FLAC configuration begins with block {block}, expected {_STREAM_INFO}")
        config = config[len(_MAGIC) + _BLOCK_HEADER_SIZE :]
    bits = BitReader(config, "FLAC stream information")
    bits.bits(2 * 16 + 2 * 24)  # sizes of blocks and of frames
    return FlacStreamInfo(bits.bits(20), bits.bits(3) + 1, bits.bits(5) + 1)
