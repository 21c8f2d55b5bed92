"""Writes audio and video bodies of RTMP messages and FLV tags, as before enhanced RTMP and as since."""

from __future__ import annotations

from miso.live.media.amf import Value
from miso.live.media.amf0 import write_amf0
from miso.live.media.body_form import (
    AAC_FIRST_BYTE,
    COLOR_INFO,
    IS_EX_VIDEO_HEADER,
    WITH_COMPOSITION_TIME,
    AacPacketType,
    AudioPacketType,
    AvcPacketType,
    FrameType,
    ModExType,
    MultitrackType,
    SoundFormat,
    VideoCodecId,
    VideoPacketType,
)
from miso.live.media.codec import Codec, Kind
from miso.live.media.mp3 import flv_sound_bits

# SI24
_MIN_COMPOSITION_MS = -(1 << 23)
_MAX_COMPOSITION_MS = (1 << 23) - 1
_NO_COMPOSITION_TIME = bytes(3)

LEGACY = frozenset((Codec.H264, Codec.AAC, Codec.MP3))


def composition_time(composition_ms: int) -> bytes:
    """As 24 bits with a sign; what does not fit (2 h 19 min) is cut to what does."""
    return max(_MIN_COMPOSITION_MS, min(composition_ms, _MAX_COMPOSITION_MS)).to_bytes(3, "big", signed=True)


def legacy_prefix(
    codec: Codec, payload: bytes, *, composition_ms: int, is_key: bool, is_config: bool, is_end: bool
) -> bytes:
    """What stands before the payload in the body of one of the codecs in :data:`LEGACY`.

    Empty for the end of an audio track and for an MP3 frame that is none: FLV had no form for them, and an empty audio
    body is silence.
    """
    if codec is Codec.H264:
        frame_type = FrameType.KEY if is_key or is_config or is_end else FrameType.INTER
        first = frame_type << 4 | VideoCodecId.AVC
        if is_config:
            return bytes((first, AvcPacketType.SEQUENCE_HEADER)) + _NO_COMPOSITION_TIME
        if is_end:
            return bytes((first, AvcPacketType.END_OF_SEQUENCE)) + _NO_COMPOSITION_TIME
        return bytes((first, AvcPacketType.NALU)) + composition_time(composition_ms)
    if is_end:
        return b""
    if codec is Codec.AAC:
        return bytes((AAC_FIRST_BYTE, AacPacketType.SEQUENCE_HEADER if is_config else AacPacketType.RAW))
    sound_bits = flv_sound_bits(payload)
    return bytes((SoundFormat.MP3 << 4 | sound_bits,)) if sound_bits is not None else b""


def enhanced_prefix(
    codec: Codec,
    track_number: int,
    *,
    composition_ms: int,
    is_key: bool,
    is_config: bool,
    is_end: bool,
    nanosecond_offset: int = 0,
) -> bytes:
    """What stands before the payload in the body of any codec; of a track other than 0 as Multitrack with one track.

    A ``nanosecond_offset`` other than 0 is written as ModEx, which the receiver must have said that it knows.
    """
    before_payload = b""
    if codec.kind is Kind.VIDEO:
        packet_type: int = _video_packet_type(codec, composition_ms, is_config=is_config, is_end=is_end)
        first = IS_EX_VIDEO_HEADER | (FrameType.KEY if is_key or is_config else FrameType.INTER) << 4
        multitrack: int = VideoPacketType.MULTITRACK
        if packet_type == VideoPacketType.CODED_FRAMES and codec in WITH_COMPOSITION_TIME:
            before_payload = composition_time(composition_ms)
    else:
        packet_type = _audio_packet_type(is_config=is_config, is_end=is_end)
        first = SoundFormat.EX_HEADER << 4
        multitrack = AudioPacketType.MULTITRACK
    if track_number:
        inner = bytes((MultitrackType.ONE_TRACK << 4 | packet_type,)) + codec.four_cc + bytes((track_number,))
        return _header(first, multitrack, nanosecond_offset) + inner + before_payload
    return _header(first, packet_type, nanosecond_offset) + codec.four_cc + before_payload


def multitrack_body(frame_type: FrameType | None, packet_type: int, tracks: list[tuple[Codec, int, bytes]]) -> bytes:
    """Several tracks in one body; the codec's name is written once if all have the same.

    Args:
        frame_type: Of all; None for audio.
        packet_type: Of all.
        tracks: Codec, number and data of each; the data begins with the composition time where the type has one.
    """
    if frame_type is None:
        first = SoundFormat.EX_HEADER << 4 | AudioPacketType.MULTITRACK
    else:
        first = IS_EX_VIDEO_HEADER | frame_type << 4 | VideoPacketType.MULTITRACK
    is_one_codec = len({codec for codec, _, _ in tracks}) == 1
    form = MultitrackType.MANY_TRACKS if is_one_codec else MultitrackType.MANY_TRACKS_MANY_CODECS
    body = bytearray((first, form << 4 | packet_type))
    if is_one_codec:
        body += tracks[0][0].four_cc
    for codec, number, data in tracks:
        if not is_one_codec:
            body += codec.four_cc
        body.append(number)
        body += len(data).to_bytes(3, "big") + data
    return bytes(body)


def color_info_body(codec: Codec, color_info: dict[str, Value]) -> bytes:
    """What is said of the colors of the pictures that follow; nothing, to take back what was said."""
    first = IS_EX_VIDEO_HEADER | FrameType.KEY << 4 | VideoPacketType.METADATA
    return bytes((first,)) + codec.four_cc + write_amf0(COLOR_INFO, color_info)


def _video_packet_type(codec: Codec, composition_ms: int, *, is_config: bool, is_end: bool) -> VideoPacketType:
    if is_config:
        return VideoPacketType.SEQUENCE_START
    if is_end:
        return VideoPacketType.SEQUENCE_END
    if codec in WITH_COMPOSITION_TIME and not composition_ms:
        return VideoPacketType.CODED_FRAMES_X
    return VideoPacketType.CODED_FRAMES


def _audio_packet_type(*, is_config: bool, is_end: bool) -> AudioPacketType:
    if is_config:
        return AudioPacketType.SEQUENCE_START
    return AudioPacketType.SEQUENCE_END if is_end else AudioPacketType.CODED_FRAMES


def _header(first: int, packet_type: int, nanosecond_offset: int) -> bytes:
    if not nanosecond_offset:
        return bytes((first | packet_type,))
    # Both kinds have the same number for ModEx. Sizes and offsets are written as size - 1.
    modifier = (3 - 1).to_bytes(1, "big") + nanosecond_offset.to_bytes(3, "big")
    return (
        bytes((first | VideoPacketType.MOD_EX,))
        + modifier
        + bytes((ModExType.TIMESTAMP_OFFSET_NANO << 4 | packet_type,))
    )
