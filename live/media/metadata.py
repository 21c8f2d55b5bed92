"""Script data of FLV and RTMP: what publishers say in onMetaData, and what is said to players."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from miso.live.errors import ParseError
from miso.live.media.amf import EcmaArray, Value
from miso.live.media.amf0 import Amf0Reader, write_amf0
from miso.live.media.body_form import SoundFormat, VideoCodecId
from miso.live.media.codec import Codec, Kind
from miso.live.media.description import TrackDescription

ON_METADATA = "onMetaData"
_SET_DATA_FRAME = "@setDataFrame"
_SET_DATA_FRAME_BYTES = write_amf0(_SET_DATA_FRAME)
_STEREO = 2
_SAMPLE_BITS = 16
_MAX_TEXT = 256
# Beyond it a hint is no hint.
_MAX_NUMBER = 1e9
_CODEC_NUMBERS = {
    Codec.H264: int(VideoCodecId.AVC),
    Codec.AAC: int(SoundFormat.AAC),
    Codec.MP3: int(SoundFormat.MP3),
}
_HEVC_NUMBER = int(VideoCodecId.HEVC)


class MetadataHints(NamedTuple):
    """What a publisher says of itself. Nothing of it is true until the tracks say so; what is none is None."""

    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    video_codec: Codec | None = None
    video_kbps: float | None = None
    audio_codec: Codec | None = None
    audio_kbps: float | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None
    encoder: str | None = None


def script_body(body: bytes) -> bytes:
    """The script data as players get it: without the ``@setDataFrame`` that publishers put before it."""
    return body[len(_SET_DATA_FRAME_BYTES) :] if body.startswith(_SET_DATA_FRAME_BYTES) else body


def read_metadata(body: bytes) -> MetadataHints | None:
    """What the script data says, with or without ``@setDataFrame``.

    Returns:
        None if it is not onMetaData.

    Raises:
        ParseError: It does not begin with a name, or a value is broken. The stream goes on without it.
    """
    reader = Amf0Reader(script_body(body))
    name = None if reader.is_at_end else reader.read()
    if not isinstance(name, str):
        raise ParseError(f"script data begins with {name!r:.40}, expected a name")
    if name != ON_METADATA:
        return None
    members = None if reader.is_at_end else reader.read()
    return _hints(members) if isinstance(members, dict) else MetadataHints()


def make_metadata(tracks: Iterable[TrackDescription], encoder: str | None = None) -> bytes:
    """Says in onMetaData what the main tracks are: the body of a script tag, or of a data message.

    Args:
        tracks: Descriptions of all tracks; only those with number 0 are said.
        encoder: A name for who made it.
    """
    return write_amf0(ON_METADATA, metadata_members(tracks, encoder))


def metadata_members(tracks: Iterable[TrackDescription], encoder: str | None = None) -> EcmaArray:
    """What :func:`make_metadata` says, for who has more to say."""
    main = {track.track.kind: track for track in tracks if not track.track.number}
    video, audio = main.get(Kind.VIDEO), main.get(Kind.AUDIO)
    members = EcmaArray(hasVideo=video is not None, hasAudio=audio is not None)
    if video is not None:
        members["videocodecid"] = codec_number(video.codec)
        _add(members, width=video.width, height=video.height, framerate=video.frame_rate)
    if audio is not None:
        members["audiocodecid"] = codec_number(audio.codec)
        _add(members, audiosamplerate=audio.sample_rate_hz, audiochannels=audio.channels)
        members["audiosamplesize"] = _SAMPLE_BITS
        if audio.channels is not None:
            members["stereo"] = audio.channels >= _STEREO
    _add(members, encoder=encoder)
    return members


def codec_number(codec: Codec) -> int:
    """As onMetaData has it: FLV's number, or the FourCC."""
    return _CODEC_NUMBERS.get(codec) or int.from_bytes(codec.four_cc, "big")


def _add(members: EcmaArray, **values: Value) -> None:
    members.update((name, value) for name, value in values.items() if value is not None)


def _hints(members: dict[str, Value]) -> MetadataHints:
    channels = _whole(members.get("audiochannels"))
    if channels is None and "stereo" in members:
        channels = _STEREO if members["stereo"] else 1
    encoder = members.get("encoder")
    return MetadataHints(
        width=_whole(members.get("width")),
        height=_whole(members.get("height")),
        frame_rate=_number(members.get("framerate")) or _number(members.get("videoframerate")),
        video_codec=_codec(members.get("videocodecid"), Kind.VIDEO),
        video_kbps=_number(members.get("videodatarate")),
        audio_codec=_codec(members.get("audiocodecid"), Kind.AUDIO),
        audio_kbps=_number(members.get("audiodatarate")),
        sample_rate_hz=_whole(members.get("audiosamplerate")),
        channels=channels,
        encoder=encoder[:_MAX_TEXT] if isinstance(encoder, str) else None,
    )


def _number(value: Value) -> float | None:
    """A number that may be one; some write it as text."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0 < value <= _MAX_NUMBER else None


def _whole(value: Value) -> int | None:
    number = _number(value)
    return int(number) or None if number is not None else None


def _codec(value: Value, kind: Kind) -> Codec | None:
    """By FLV's number, or by the FourCC as a number or, in old OBS, as text."""
    if isinstance(value, str):
        name = value
    elif isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 0xFFFFFFFF:
        number = int(value)
        by_number = {codec_number(codec): codec for codec in Codec if codec.kind is kind}
        if kind is Kind.VIDEO:
            by_number[_HEVC_NUMBER] = Codec.HEVC
        return by_number.get(number)
    else:
        return None
    return next((codec for codec in Codec if codec.value == name and codec.kind is kind), None)
