"""What a codec is called in playlists and for browsers, with profile and level (RFC 6381, and codecs' own rules)."""

from __future__ import annotations

from collections.abc import Callable

from miso.live.media.aac import read_aac_config
from miso.live.media.av1 import read_av1_config
from miso.live.media.avc import read_avc_config
from miso.live.media.codec import Codec
from miso.live.media.hevc import read_hevc_config
from miso.live.media.vp9 import read_vp9_config

_HEVC_SPACES = ("", "A", "B", "C")
_HEVC_COMPATIBILITY_BITS = 32


def codec_string(codec: Codec, config: bytes) -> str:
    """The name.

    Args:
        codec: One that MP4 carries.
        config: Its configuration record; empty for MP3.

    Raises:
        ParseError: The record is broken.
    """
    return _NAMES[codec](config)


def _h264(record: bytes) -> str:
    config = read_avc_config(record)
    return f"avc1.{config.profile:02x}{config.compatibility:02x}{config.level:02x}"


def _hevc(record: bytes) -> str:
    """ISO/IEC 14496-15, E.3: profile, compatibility with its bits in reverse, tier and level, six constraint bytes."""
    general = read_hevc_config(record).general
    profile_byte = general[1]
    compatibility = int.from_bytes(general[2:6], "big")
    reversed_bits = int(f"{compatibility:0{_HEVC_COMPATIBILITY_BITS}b}"[::-1], 2)
    constraints = general[6:12].rstrip(b"\0")
    tier = "H" if profile_byte & 0x20 else "L"
    parts = [
        "hvc1",
        f"{_HEVC_SPACES[profile_byte >> 6]}{profile_byte & 0x1F}",
        f"{reversed_bits:X}",
        f"{tier}{general[12]}",
        *(f"{byte:X}" for byte in constraints),
    ]
    return ".".join(parts)


def _av1(record: bytes) -> str:
    """AV1-ISOBMFF, section 5."""
    config = read_av1_config(record)
    has_high_depth, has_twelve_bits = record[2] & 0x40, record[2] & 0x20
    bits = (12 if has_twelve_bits else 10) if has_high_depth else 8
    return f"av01.{config.profile}.{config.level:02}{'H' if record[2] & 0x80 else 'M'}.{bits:02}"


def _vp9(record: bytes) -> str:
    config = read_vp9_config(record)
    return f"vp09.{config.profile:02}.{config.level:02}.{config.bits:02}"


_NAMES: dict[Codec, Callable[[bytes], str]] = {
    Codec.H264: _h264,
    Codec.HEVC: _hevc,
    Codec.AV1: _av1,
    Codec.VP9: _vp9,
    Codec.AAC: lambda config: f"mp4a.40.{read_aac_config(config).object_type}",
    Codec.MP3: lambda config: "mp4a.40.34",
    Codec.OPUS: lambda config: "opus",
    Codec.FLAC: lambda config: "fLaC",
}
