"""What a track is, in a few words and numbers, as its configuration record says."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from miso.live.errors import ParseError
from miso.live.media.aac import read_aac_config
from miso.live.media.av1 import read_av1_config
from miso.live.media.avc import read_avc_config, read_avc_sps
from miso.live.media.codec import Codec, TrackId
from miso.live.media.flac import read_flac_config
from miso.live.media.hevc import SPS, read_hevc_config
from miso.live.media.hevc_sps import read_hevc_sps
from miso.live.media.mp3 import read_mp3_header
from miso.live.media.opus import SAMPLE_RATE_HZ, read_opus_head
from miso.live.media.packet import Packet
from miso.live.media.picture_format import PictureFormat


class TrackDescription(NamedTuple):
    """For metadata, statistics and manifests; what is not known is None.

    Attributes:
        track: The track.
        codec: How it is coded.
        profile: The codec's number; of AAC the object type.
        level: The codec's number.
        width: In pixels.
        height: In pixels.
        frame_rate: Per second.
        sample_rate_hz: Of audio, as decoded.
        channels: Of audio, as decoded.
    """

    track: TrackId
    codec: Codec
    profile: int | None = None
    level: int | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None


def describe(packet: Packet) -> TrackDescription:
    """What the packet says of its track: a configuration record or, for MP3, any frame. Never raises for its content.

    Raises:
        ValueError: It is of metadata.
    """
    if packet.codec is None:
        raise ValueError("metadata has no codec to describe")
    nothing = TrackDescription(packet.track, packet.codec)
    read = _READERS.get(packet.codec)
    if read is None or packet.is_config == (packet.codec is Codec.MP3):
        return nothing
    try:
        return read(nothing, packet.payload)
    except ParseError:
        return nothing


def _with_picture(description: TrackDescription, picture: PictureFormat) -> TrackDescription:
    return description._replace(width=picture.width, height=picture.height, frame_rate=picture.frame_rate)


def _avc(description: TrackDescription, record: bytes) -> TrackDescription:
    config = read_avc_config(record)
    description = description._replace(profile=config.profile, level=config.level)
    try:
        return _with_picture(description, read_avc_sps(config.sps[0]))
    except ParseError:
        return description


def _hevc(description: TrackDescription, record: bytes) -> TrackDescription:
    config = read_hevc_config(record)
    description = description._replace(profile=config.profile, level=config.level)
    try:
        return _with_picture(description, read_hevc_sps(config.units(SPS)[0]))
    except ParseError:
        return description


def _av1(description: TrackDescription, record: bytes) -> TrackDescription:
    config = read_av1_config(record)
    description = description._replace(profile=config.profile, level=config.level)
    try:
        sequence = config.sequence()
    except ParseError:
        return description
    if sequence is None:
        return description
    return description._replace(width=sequence.width, height=sequence.height, frame_rate=sequence.frame_rate)


def _aac(description: TrackDescription, config: bytes) -> TrackDescription:
    aac = read_aac_config(config)
    return description._replace(
        profile=aac.object_type, sample_rate_hz=aac.sample_rate_hz, channels=aac.channels or None
    )


def _opus(description: TrackDescription, header: bytes) -> TrackDescription:
    return description._replace(sample_rate_hz=SAMPLE_RATE_HZ, channels=read_opus_head(header).channels)


def _flac(description: TrackDescription, config: bytes) -> TrackDescription:
    info = read_flac_config(config)
    return description._replace(sample_rate_hz=info.sample_rate_hz, channels=info.channels)


def _mp3(description: TrackDescription, frame: bytes) -> TrackDescription:
    header = read_mp3_header(frame)
    return description._replace(sample_rate_hz=header.sample_rate_hz, channels=header.channels)


_READERS: dict[Codec, Callable[[TrackDescription, bytes], TrackDescription]] = {
    Codec.H264: _avc,
    Codec.HEVC: _hevc,
    Codec.AV1: _av1,
    Codec.AAC: _aac,
    Codec.OPUS: _opus,
    Codec.FLAC: _flac,
    Codec.MP3: _mp3,
}
