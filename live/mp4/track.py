"""One track of an MP4 file: what its header says of it."""

from __future__ import annotations

from typing import NamedTuple

from miso.live.errors import ParseError
from miso.live.media.aac import read_aac_config
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.description import describe
from miso.live.media.packet import Packet
from miso.live.media.vp9_frame_header import read_picture_size
from miso.live.mp4.codec_string import codec_string
from miso.live.mp4.sample_entry import ENTRY_NAMES, sample_entry

VIDEO_TIMESCALE = 90_000
"""Ticks in a second, of each video track, and of sound whose rate nobody knows."""
WITHOUT_CONFIG = frozenset((Codec.MP3,))
"""Of these a frame says what others have a configuration record for."""


class Mp4Track(NamedTuple):
    """A track.

    Attributes:
        id: Which of the stream.
        codec: How it is coded.
        timescale: Ticks in a second of its times; for sound, samples of its coded frames.
        width: In pixels; 0 for sound, and where it is not known.
        height: In pixels; 0 for sound, and where it is not known.
        entry: Its sample entry.
        codec_string: As playlists and browsers name it.
    """

    id: TrackId
    codec: Codec
    timescale: int
    width: int
    height: int
    entry: bytes
    codec_string: str


def make_track(config: Packet | None, first: Packet) -> Mp4Track:
    """The track.

    Args:
        config: The configuration in force; None of a codec that has none.
        first: The first frame that is written.

    Raises:
        ParseError: MP4 has no form of the codec here, or the configuration is missing or broken.
    """
    codec = first.codec
    if codec not in ENTRY_NAMES:
        raise ParseError(f"MP4 is not written with {codec.value if codec else 'data'}, expected {_CODEC_NAMES}")
    if codec in WITHOUT_CONFIG:
        record = b""
        description = describe(first)
    elif config is None or config.codec is not codec:
        raise ParseError(f"{codec.value} has no configuration record")
    else:
        record = config.payload
        description = describe(config)
    if codec is Codec.VP9:
        width, height = read_picture_size(first.payload)
        description = description._replace(width=width, height=height)
    timescale = VIDEO_TIMESCALE
    if codec is Codec.AAC:
        timescale = read_aac_config(record).core_rate_hz
    elif codec.kind is Kind.AUDIO:
        timescale = description.sample_rate_hz or VIDEO_TIMESCALE
    return Mp4Track(
        id=first.track,
        codec=codec,
        timescale=timescale,
        width=description.width or 0,
        height=description.height or 0,
        entry=sample_entry(description, record),
        codec_string=codec_string(codec, record),
    )


_CODEC_NAMES = ", ".join(sorted(codec.value for codec in ENTRY_NAMES))
