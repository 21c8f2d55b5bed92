"""Metadata: hints that are never trusted, and what is said to players."""

from __future__ import annotations

import math

import pytest

from miso.live.errors import ParseError
from miso.live.media.amf import EcmaArray, Value
from miso.live.media.amf0 import read_amf0, write_amf0
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.description import TrackDescription, describe
from miso.live.media.metadata import MetadataHints, make_metadata, read_metadata, script_body
from miso.live.media.packet import Packet
from tests.live.media import records

VIDEO = TrackId(Kind.VIDEO)
AUDIO = TrackId(Kind.AUDIO)


def hints(**members: Value) -> MetadataHints:
    found = read_metadata(write_amf0("onMetaData", EcmaArray(members)))
    assert found is not None
    return found


def test_set_data_frame_does_not_reach_players() -> None:
    plain = write_amf0("onMetaData", EcmaArray(width=1))
    assert script_body(write_amf0("@setDataFrame") + plain) == plain
    assert script_body(plain) == plain
    assert read_metadata(write_amf0("@setDataFrame") + plain) == MetadataHints(width=1)


@pytest.mark.parametrize(
    ("video", "audio", "expected"),
    [
        (7.0, 10.0, (Codec.H264, Codec.AAC)),
        (12.0, 2.0, (Codec.HEVC, Codec.MP3)),
        ("avc1", "mp4a", (Codec.H264, Codec.AAC)),
        (float(0x61763031), float(0x4F707573), (Codec.AV1, Codec.OPUS)),
        (float(0x68766331), float(0x664C6143), (Codec.HEVC, Codec.FLAC)),
        ("mp4a", "avc1", (None, None)),
        (2.0, -1.0, (None, None)),
        (math.nan, math.inf, (None, None)),
        (None, {}, (None, None)),
    ],
)
def test_codecs_are_numbers_or_names(video: Value, audio: Value, expected: tuple[Codec | None, Codec | None]) -> None:
    found = hints(videocodecid=video, audiocodecid=audio)
    assert (found.video_codec, found.audio_codec) == expected


def test_hints_that_are_none_are_left_out() -> None:
    values: list[Value] = [math.nan, math.inf, -1.0, 0.0, 1e300, "wide", "nan", True, None, [], {}, {"x": 1}]
    for value in values:
        found = hints(width=value, height=value, framerate=value, audiosamplerate=value, videodatarate=value)
        assert found == MetadataHints()
    assert hints(width="1280", framerate=29.97) == MetadataHints(width=1280, frame_rate=29.97)


@pytest.mark.parametrize(("stereo", "channels"), [(True, 2), (False, 1), (1.0, 2), (0.0, 1)])
def test_stereo_is_a_truth_or_a_number(stereo: Value, channels: int) -> None:
    assert hints(stereo=stereo).channels == channels


def test_other_script_data_has_no_hints() -> None:
    assert read_metadata(write_amf0("onTextData", {"text": "x"})) is None
    assert read_metadata(write_amf0("onMetaData")) == MetadataHints()
    assert read_metadata(write_amf0("onMetaData", 5)) == MetadataHints()


@pytest.mark.parametrize("body", [b"", b"\5", b"\x11", write_amf0("onMetaData") + b"\x08\0", b"\xff" * 20])
def test_broken_script_data_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError):
        read_metadata(body)


def test_metadata_in_amf3_is_read() -> None:
    body = write_amf0("@setDataFrame", "onMetaData") + bytes.fromhex("11 0a0b01 0b7769647468 048a00 01")
    assert read_metadata(body) == MetadataHints(width=1280)


def test_what_is_said_to_players_is_what_the_tracks_are() -> None:
    video = describe(Packet(VIDEO, Codec.H264, 0, records.H264, is_config=True))
    audio = describe(Packet(AUDIO, Codec.AAC, 0, records.AAC, is_config=True))
    second = TrackDescription(TrackId(Kind.VIDEO, 1), Codec.HEVC, width=5)
    name, members = read_amf0(make_metadata([video, audio, second], encoder="Miso"))
    assert name == "onMetaData"
    assert type(members) is EcmaArray
    assert members == {
        "hasVideo": True,
        "hasAudio": True,
        "videocodecid": 7.0,
        "width": 320.0,
        "height": 180.0,
        "framerate": 25.0,
        "audiocodecid": 10.0,
        "audiosamplerate": 48_000.0,
        "audiochannels": 2.0,
        "audiosamplesize": 16.0,
        "stereo": True,
        "encoder": "Miso",
    }


def test_a_missing_track_is_said_to_be_missing() -> None:
    only_video = read_amf0(make_metadata([TrackDescription(VIDEO, Codec.AV1)]))[1]
    assert only_video == {"hasVideo": True, "hasAudio": False, "videocodecid": float(0x61763031)}
    assert read_amf0(make_metadata([]))[1] == {"hasVideo": False, "hasAudio": False}


@pytest.mark.parametrize(
    ("codec", "record", "expected"),
    [
        (Codec.HEVC, records.HEVC, {"profile": 1, "level": 60, "width": 320, "height": 180, "frame_rate": 25.0}),
        (Codec.AV1, records.AV1, {"profile": 0, "level": 0, "width": 320, "height": 180}),
        (Codec.OPUS, records.OPUS, {"sample_rate_hz": 48_000, "channels": 2}),
        (Codec.FLAC, records.FLAC, {"sample_rate_hz": 48_000, "channels": 2}),
        (Codec.VP9, records.VP9, {}),
        (Codec.H264, b"broken", {}),
        (Codec.H264, bytes.fromhex("0164000cffe1 0002 6764 01 0001 68"), {"profile": 100, "level": 12}),
    ],
)
def test_a_track_is_described_as_far_as_its_record_says(
    codec: Codec, record: bytes, expected: dict[str, int | float]
) -> None:
    packet = Packet(TrackId(codec.kind), codec, 0, record, is_config=True)
    known = {name: value for name, value in describe(packet)._asdict().items() if value is not None}
    assert known == {"track": packet.track, "codec": codec, **expected}


def test_mp3_is_described_by_its_frames() -> None:
    frame = Packet(AUDIO, Codec.MP3, 0, bytes.fromhex("fffb9064"), is_key=True)
    assert (describe(frame).sample_rate_hz, describe(frame).channels) == (44_100, 2)
