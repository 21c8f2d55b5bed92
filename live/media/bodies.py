"""Reads audio and video bodies of RTMP messages and FLV tags into packets, as before enhanced RTMP and as since."""

from __future__ import annotations

from typing import NamedTuple

from miso.live.errors import ParseError
from miso.live.media.aac import read_aac_config
from miso.live.media.amf import Value
from miso.live.media.amf0 import Amf0Reader
from miso.live.media.av1 import config_of_descriptor, read_av1_config
from miso.live.media.avc import read_avc_config
from miso.live.media.body_form import (
    COLOR_INFO,
    IS_EX_VIDEO_HEADER,
    WITH_COMPOSITION_TIME,
    AacPacketType,
    AudioPacketType,
    AvcPacketType,
    FrameType,
    SoundFormat,
    VideoCodecId,
    VideoPacketType,
)
from miso.live.media.byte_reader import ByteReader
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.enhanced import TrackData, read_modifiers, read_one_track, read_tracks
from miso.live.media.hevc import read_hevc_config
from miso.live.media.opus import OpusHead
from miso.live.media.packet import Packet

_KEY_FRAMES = (FrameType.KEY, FrameType.GENERATED_KEY)
_VIDEO_HEADER_SIZE = 5
_AAC_HEADER_SIZE = 2
_MP3_HEADER_SIZE = 1
_LEGACY_VIDEO: dict[int, Codec] = {VideoCodecId.AVC: Codec.H264, VideoCodecId.HEVC: Codec.HEVC}
_DEFAULT_LENGTH_SIZE = 4
# It is kept for each of 256 tracks; real ones take 300 bytes.
_MAX_COLOR_INFO_SIZE = 4096
MAX_CONFIG_BYTES = 64 * 1024
"""Of a configuration record: each key frame and each player that comes has it framed anew. Real ones take 100 bytes."""
# Of audio channels.
_NATIVE_ORDER = 1
_CUSTOM_ORDER = 2


class MultichannelConfig(NamedTuple):
    """Where an audio track's channels belong.

    Attributes:
        order: 0 not said, 1 in the order of the bits of ``flags``, 2 as ``mapping`` says.
        channels: How many there are.
        flags: The loudspeakers, a bit for each.
        mapping: The loudspeaker of each channel.
    """

    order: int
    channels: int
    flags: int = 0
    mapping: bytes = b""


class _Frame(NamedTuple):
    """What the beginning of an enhanced body says of all its tracks."""

    packet_type: int
    dts_ms: int
    nanosecond_offset: int
    is_key: bool


class BodyReader:
    """Reads what one publisher sends.

    Attributes:
        color_info: What enhanced RTMP said of the colors of each video track's pictures (``colorConfig``, ``hdrCll``,
            ``hdrMdcv``); a hint, as from metadata.
        multichannel: What enhanced RTMP said of the channels of each audio track.
    """

    def __init__(self) -> None:
        self.color_info: dict[TrackId, dict[str, Value]] = {}
        self.multichannel: dict[TrackId, MultichannelConfig] = {}
        # Of the lengths before NAL units, from the configuration records.
        self._length_sizes: dict[TrackId, int] = {}

    def read_video(self, body: bytes, dts_ms: int) -> list[Packet]:
        """The packets in the body of a video message or tag: none of a command, several if it has tracks.

        Args:
            body: All of it. It is kept by the packet if it has the legacy form.
            dts_ms: The message's time, unwrapped.

        Raises:
            ParseError: It is cut off, of a codec not carried, or its configuration record is broken or too long.
        """
        if not body:
            return []
        if body[0] & IS_EX_VIDEO_HEADER:
            return _with_short_configs(self._enhanced_video(body, dts_ms))
        if body[0] >> 4 == FrameType.COMMAND:
            return []
        return _with_short_configs(self._legacy_video(body, dts_ms))

    def read_audio(self, body: bytes, dts_ms: int) -> list[Packet]:
        """The packets in the body of an audio message or tag: none of silence, several if it has tracks.

        Args:
            body: All of it. It is kept by the packet if it has the legacy form.
            dts_ms: The message's time, unwrapped.

        Raises:
            ParseError: It is cut off, of a codec not carried, or its configuration record is broken or too long.
        """
        if not body:
            return []
        sound_format = body[0] >> 4
        if sound_format == SoundFormat.EX_HEADER:
            return _with_short_configs(self._enhanced_audio(body, dts_ms))
        if sound_format == SoundFormat.AAC:
            return _with_short_configs(_legacy_aac(body, dts_ms))
        if sound_format not in (SoundFormat.MP3, SoundFormat.MP3_8_KHZ):
            raise ParseError(f"FLV audio format is {sound_format}, expected MP3 (2, 14), AAC (10) or enhanced (9)")
        if len(body) == _MP3_HEADER_SIZE:
            return []
        return [Packet.of_legacy_body(Codec.MP3, dts_ms, body, _MP3_HEADER_SIZE, is_key=True)]

    def _legacy_video(self, body: bytes, dts_ms: int) -> list[Packet]:
        codec = _LEGACY_VIDEO.get(body[0] & 0xF)
        if codec is None:
            raise ParseError(f"FLV video codec is {body[0] & 0xF}, expected AVC (7) or HEVC (12)")
        packet_type = body[1] if len(body) > 1 else None
        track = TrackId(Kind.VIDEO)
        if packet_type == AvcPacketType.END_OF_SEQUENCE:
            return [Packet(track, codec, dts_ms, b"", is_end=True)]
        if len(body) < _VIDEO_HEADER_SIZE:
            raise ParseError(f"FLV video body has {len(body)} bytes, expected at least {_VIDEO_HEADER_SIZE}")
        if packet_type not in (AvcPacketType.SEQUENCE_HEADER, AvcPacketType.NALU):
            raise ParseError(f"FLV video packet type is {packet_type}, expected 0 to {max(AvcPacketType)}")
        is_config = packet_type == AvcPacketType.SEQUENCE_HEADER
        if is_config:
            self._length_sizes[track] = _length_size(codec, body[_VIDEO_HEADER_SIZE:])
        elif len(body) == _VIDEO_HEADER_SIZE:
            return []
        composition_ms = 0 if is_config else int.from_bytes(body[2:_VIDEO_HEADER_SIZE], "big", signed=True)
        is_key = not is_config and body[0] >> 4 in _KEY_FRAMES
        length_size = self._length_sizes.get(track, _DEFAULT_LENGTH_SIZE)
        if codec is Codec.H264:
            packet = Packet.of_legacy_body(
                codec,
                dts_ms,
                body,
                _VIDEO_HEADER_SIZE,
                composition_ms=composition_ms,
                is_key=is_key,
                is_config=is_config,
                length_size=length_size,
            )
        else:  # the informal body of HEVC is given to nobody
            packet = Packet(
                track,
                codec,
                dts_ms,
                body[_VIDEO_HEADER_SIZE:],
                composition_ms=composition_ms,
                is_key=is_key,
                is_config=is_config,
                length_size=length_size,
            )
        return [packet]

    def _enhanced_video(self, body: bytes, dts_ms: int) -> list[Packet]:
        data = ByteReader(body, "enhanced video body")
        first = data.u8()
        frame_type = first >> 4 & 0b111
        packet_type, nanoseconds = read_modifiers(data, first & 0xF, VideoPacketType.MOD_EX)
        if frame_type == FrameType.COMMAND and packet_type != VideoPacketType.METADATA:
            return []
        packet_type, tracks = _tracks(data, Kind.VIDEO, packet_type, VideoPacketType.MULTITRACK)
        frame = _Frame(packet_type, dts_ms, nanoseconds, frame_type in _KEY_FRAMES)
        return [packet for track in tracks for packet in self._video_packets(track, frame)]

    def _video_packets(self, part: TrackData, frame: _Frame) -> list[Packet]:
        """One packet, or none."""
        codec, number, payload = part
        track = TrackId(Kind.VIDEO, number)
        composition_ms = 0
        match frame.packet_type:
            case VideoPacketType.SEQUENCE_START:
                self._length_sizes[track] = _length_size(codec, payload)
                return [_config(track, codec, frame, payload, self._length_sizes[track])]
            case VideoPacketType.MPEG2TS_SEQUENCE_START:
                if codec is not Codec.AV1:
                    raise ParseError(f"MPEG-2 TS sequence start is of {codec.value}, expected av01")
                return [_config(track, codec, frame, config_of_descriptor(payload))]
            case VideoPacketType.SEQUENCE_END:
                return [Packet(track, codec, frame.dts_ms, b"", is_end=True)]
            case VideoPacketType.METADATA:
                self._read_metadata(track, payload)
                return []
            case VideoPacketType.CODED_FRAMES:
                if codec in WITH_COMPOSITION_TIME:
                    data = ByteReader(payload, "enhanced video body")
                    composition_ms, payload = data.signed(3), data.rest()
            case VideoPacketType.CODED_FRAMES_X:
                pass
            case _:
                raise ParseError(f"enhanced video packet type is {frame.packet_type}, expected one of a single track")
        if not payload:
            return []
        return [
            Packet(
                track,
                codec,
                frame.dts_ms,
                payload,
                composition_ms=composition_ms,
                nanosecond_offset=frame.nanosecond_offset,
                is_key=frame.is_key,
                length_size=self._length_sizes.get(track, _DEFAULT_LENGTH_SIZE),
            )
        ]

    def _read_metadata(self, track: TrackId, payload: bytes) -> None:
        if len(payload) > _MAX_COLOR_INFO_SIZE:
            raise ParseError(f"color information has {len(payload)} bytes, expected at most {_MAX_COLOR_INFO_SIZE}")
        values = Amf0Reader(payload)
        if values.is_at_end or values.read() != COLOR_INFO:
            return
        color_info = None if values.is_at_end else values.read()
        if isinstance(color_info, dict) and color_info:
            self.color_info[track] = color_info
        else:
            self.color_info.pop(track, None)

    def _enhanced_audio(self, body: bytes, dts_ms: int) -> list[Packet]:
        data = ByteReader(body, "enhanced audio body")
        packet_type, nanoseconds = read_modifiers(data, data.u8() & 0xF, AudioPacketType.MOD_EX)
        packet_type, tracks = _tracks(data, Kind.AUDIO, packet_type, AudioPacketType.MULTITRACK)
        frame = _Frame(packet_type, dts_ms, nanoseconds, is_key=True)
        return [packet for track in tracks for packet in self._audio_packets(track, frame)]

    def _audio_packets(self, part: TrackData, frame: _Frame) -> list[Packet]:
        """One packet, or none."""
        codec, number, payload = part
        track = TrackId(Kind.AUDIO, number)
        match frame.packet_type:
            case AudioPacketType.SEQUENCE_START:
                if codec is Codec.AAC:
                    read_aac_config(payload)
                if codec is Codec.OPUS and not payload:
                    payload = OpusHead().to_bytes()  # it may be left out; who writes MP4 needs it
                return [_config(track, codec, frame, payload)]
            case AudioPacketType.SEQUENCE_END:
                return [Packet(track, codec, frame.dts_ms, b"", is_end=True)]
            case AudioPacketType.MULTICHANNEL_CONFIG:
                self.multichannel[track] = _read_multichannel(ByteReader(payload, "multichannel configuration"))
                return []
            case AudioPacketType.CODED_FRAMES:
                if not payload:
                    return []
                return [
                    Packet(
                        track,
                        codec,
                        frame.dts_ms,
                        payload,
                        nanosecond_offset=frame.nanosecond_offset,
                        is_key=True,
                    )
                ]
        raise ParseError(f"enhanced audio packet type is {frame.packet_type}, expected one of a single track")


def _with_short_configs(packets: list[Packet]) -> list[Packet]:
    """The packets; raises ParseError if one is a configuration record that is too long."""
    for packet in packets:
        if packet.is_config and packet.size_bytes > MAX_CONFIG_BYTES:
            raise ParseError(f"configuration record has {packet.size_bytes} bytes, expected at most {MAX_CONFIG_BYTES}")
    return packets


def _tracks(data: ByteReader, kind: Kind, packet_type: int, multitrack: int) -> tuple[int, list[TrackData]]:
    """The packet type of all tracks, and the tracks."""
    if packet_type != multitrack:
        return packet_type, [read_one_track(data, kind)]
    types = data.u8()
    return types & 0xF, list(read_tracks(data, kind, types >> 4))


def _config(
    track: TrackId, codec: Codec, frame: _Frame, payload: bytes, length_size: int = _DEFAULT_LENGTH_SIZE
) -> Packet:
    return Packet(track, codec, frame.dts_ms, payload, is_config=True, length_size=length_size)


def _length_size(codec: Codec, config: bytes) -> int:
    """Of the lengths before NAL units; raises ParseError if the configuration record is broken."""
    if codec is Codec.H264:
        return read_avc_config(config).length_size
    if codec is Codec.HEVC:
        return read_hevc_config(config).length_size
    if codec is Codec.AV1:
        read_av1_config(config)
    return _DEFAULT_LENGTH_SIZE


def _legacy_aac(body: bytes, dts_ms: int) -> list[Packet]:
    packet_type = body[1] if len(body) > 1 else None
    if packet_type == AacPacketType.SEQUENCE_HEADER:
        read_aac_config(body[_AAC_HEADER_SIZE:])
        return [Packet.of_legacy_body(Codec.AAC, dts_ms, body, _AAC_HEADER_SIZE, is_config=True)]
    if packet_type != AacPacketType.RAW:
        raise ParseError(f"FLV AAC packet type is {packet_type}, expected 0 or 1")
    if len(body) == _AAC_HEADER_SIZE:
        return []
    return [Packet.of_legacy_body(Codec.AAC, dts_ms, body, _AAC_HEADER_SIZE, is_key=True)]


def _read_multichannel(data: ByteReader) -> MultichannelConfig:
    order, count = data.u8(), data.u8()
    if order == _NATIVE_ORDER:
        return MultichannelConfig(order, count, flags=data.unsigned(4))
    if order == _CUSTOM_ORDER:
        return MultichannelConfig(order, count, mapping=data.take(count))
    return MultichannelConfig(order, count)
