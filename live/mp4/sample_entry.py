"""How a track's codec is told to a decoder: sample entries, with the codec's configuration box in them.

ISO/IEC 14496-12, 14496-15 5.4.2 and 8.4.1 (avc1, hvc1), 14496-14 5.6 (mp4a); AV1, VP9, Opus and FLAC in ISOBMFF.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from miso.live.errors import ParseError
from miso.live.media.codec import Codec, Kind
from miso.live.media.description import TrackDescription
from miso.live.media.opus import read_opus_head
from miso.live.media.vp9 import read_vp9_config
from miso.live.mp4.boxes import box, full_box

_DATA_REFERENCE = bytes(6) + b"\0\1"
_DOTS_PER_INCH = 72 << 16
_FRAMES_PER_SAMPLE = 1
_NAME_SIZE = 32
_DEPTH_24 = 0x18
_NO_COLOR_TABLE = 0xFFFF
_SAMPLE_BITS = 16
_MAX_FIXED_RATE = 0xFFFF

# Descriptors of ISO/IEC 14496-1, 7.2.2.1.
_ES, _DECODER_CONFIG, _DECODER_SPECIFIC, _SYNC_LAYER = 3, 4, 5, 6
_OBJECT_AAC = 0x40
_OBJECT_MP3_LOW_RATES = 0x69
_OBJECT_MP3 = 0x6B
_LOWEST_MPEG1_RATE_HZ = 32_000
_AUDIO_STREAM = 0x05 << 2 | 1
_SYNC_FOR_MP4 = 2

_VP_VERSION = 1
_OPUS_VERSION = 0
_STREAM_INFO_SIZE = 34
_LAST_STREAM_INFO = 0x80 << 24 | _STREAM_INFO_SIZE

ENTRY_NAMES = {
    Codec.H264: "avc1",
    Codec.HEVC: "hvc1",
    Codec.AV1: "av01",
    Codec.VP9: "vp09",
    Codec.AAC: "mp4a",
    Codec.MP3: "mp4a",
    Codec.OPUS: "Opus",
    Codec.FLAC: "fLaC",
}
"""The codecs that can be written, and the names of their entries."""


def sample_entry(description: TrackDescription, config: bytes) -> bytes:
    """The entry.

    Args:
        description: What the track is. Its codec is one of :data:`ENTRY_NAMES`.
        config: The codec's configuration record; empty for MP3.

    Raises:
        ParseError: The record is broken, in a way that matters here.
    """
    name = ENTRY_NAMES[description.codec]
    codec_box = _CODEC_BOXES[description.codec](description, config)
    if description.codec.kind is Kind.VIDEO:
        return box(name, _visual(description.width or 0, description.height or 0), codec_box)
    return box(name, _audio(description.channels or 2, description.sample_rate_hz or 0), codec_box)


def _visual(width: int, height: int) -> bytes:
    sizes = struct.pack(">HHIIIH", width, height, _DOTS_PER_INCH, _DOTS_PER_INCH, 0, _FRAMES_PER_SAMPLE)
    return _DATA_REFERENCE + bytes(16) + sizes + bytes(_NAME_SIZE) + struct.pack(">HH", _DEPTH_24, _NO_COLOR_TABLE)


def _audio(channels: int, rate_hz: int) -> bytes:
    # A rate beyond 16 bits is left to the codec's own configuration.
    fixed_rate = (rate_hz if rate_hz <= _MAX_FIXED_RATE else 0) << 16
    return _DATA_REFERENCE + bytes(8) + struct.pack(">HHII", channels, _SAMPLE_BITS, 0, fixed_rate)


def _descriptor(tag: int, *contents: bytes) -> bytes:
    """With a size of four bytes, as QuickTime insists (ISO/IEC 14496-1, 8.3.3)."""
    payload = b"".join(contents)
    size = len(payload)
    sizes = bytes((size >> 21 & 0x7F | 0x80, size >> 14 & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size & 0x7F))
    return bytes((tag,)) + sizes + payload


def _esds(object_type: int, specific: bytes) -> bytes:
    decoder = bytes((object_type, _AUDIO_STREAM)) + bytes(3 + 4 + 4)  # buffer and bitrates are not said
    parts = [_descriptor(_DECODER_SPECIFIC, specific)] if specific else []
    config = _descriptor(_DECODER_CONFIG, decoder, *parts)
    return full_box("esds", 0, 0, _descriptor(_ES, bytes(3), config, _descriptor(_SYNC_LAYER, bytes((_SYNC_FOR_MP4,)))))


def _mp3(description: TrackDescription, config: bytes) -> bytes:
    is_mpeg1 = (description.sample_rate_hz or 0) >= _LOWEST_MPEG1_RATE_HZ
    return _esds(_OBJECT_MP3 if is_mpeg1 else _OBJECT_MP3_LOW_RATES, config)


def _opus(description: TrackDescription, header: bytes) -> bytes:
    head = read_opus_head(header)
    rest = struct.pack(">HIhB", head.pre_skip, head.input_rate_hz, head.gain_q8, head.mapping_family)
    return box("dOps", bytes((_OPUS_VERSION, head.channels)), rest, head.mapping)


def _vp9(description: TrackDescription, record: bytes) -> bytes:
    return full_box("vpcC", _VP_VERSION, 0, read_vp9_config(record).record)


def _flac(description: TrackDescription, config: bytes) -> bytes:
    stream_info = config[8:] if config.startswith(b"fLaC") else config
    if len(stream_info) < _STREAM_INFO_SIZE:
        raise ParseError(f"FLAC stream information has {len(stream_info)} bytes, expected {_STREAM_INFO_SIZE}")
    return full_box("dfLa", 0, 0, _LAST_STREAM_INFO.to_bytes(4, "big"), stream_info[:_STREAM_INFO_SIZE])


_CODEC_BOXES: dict[Codec, Callable[[TrackDescription, bytes], bytes]] = {
    Codec.H264: lambda description, record: box("avcC", record),
    Codec.HEVC: lambda description, record: box("hvcC", record),
    Codec.AV1: lambda description, record: box("av1C", record),
    Codec.VP9: _vp9,
    Codec.AAC: lambda description, config: _esds(_OBJECT_AAC, config),
    Codec.MP3: _mp3,
    Codec.OPUS: _opus,
    Codec.FLAC: _flac,
}
