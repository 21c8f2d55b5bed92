"""What an MP4's header says of each codec, and what cannot be written."""

from __future__ import annotations

import pytest

from miso.live.errors import ParseError
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.packet import Packet
from miso.live.mp4.frame_length import frame_samples
from miso.live.mp4.track import Mp4Track, make_track
from tests.live.media import records

VP9_KEY_FRAME = bytes.fromhex("824983420013f00b30")  # 320x180
MP3_FRAME = bytes.fromhex("fffb9464")
RECORDS = {
    Codec.H264: records.H264,
    Codec.HEVC: records.HEVC,
    Codec.AV1: records.AV1,
    Codec.VP9: records.VP9,
    Codec.AAC: records.AAC,
    Codec.OPUS: records.OPUS,
    Codec.FLAC: records.FLAC,
}


def track_of(codec: Codec, record: bytes, frame: bytes = b"\0") -> Mp4Track:
    track_id = TrackId(codec.kind)
    config = Packet(track_id, codec, 0, record, is_config=True)
    return make_track(config, Packet(track_id, codec, 0, frame, is_key=True))


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        (Codec.H264, "avc1.64000c"),
        (Codec.HEVC, "hvc1.1.6.L60.90"),
        (Codec.AV1, "av01.0.00M.08"),
        (Codec.VP9, "vp09.00.11.08"),
        (Codec.AAC, "mp4a.40.2"),
        (Codec.OPUS, "opus"),
        (Codec.FLAC, "fLaC"),
    ],
)
def test_codecs_are_named_as_browsers_know_them(codec: Codec, name: str) -> None:
    frame = VP9_KEY_FRAME if codec is Codec.VP9 else b"\0"
    assert track_of(codec, RECORDS[codec], frame).codec_string == name


@pytest.mark.parametrize("codec", [Codec.H264, Codec.HEVC, Codec.AV1, Codec.VP9])
def test_pictures_have_the_size_that_the_codec_says(codec: Codec) -> None:
    track = track_of(codec, RECORDS[codec], VP9_KEY_FRAME)
    assert (track.width, track.height, track.timescale) == (320, 180, 90_000)


@pytest.mark.parametrize("codec", [Codec.AAC, Codec.OPUS, Codec.FLAC])
def test_sound_is_timed_in_samples(codec: Codec) -> None:
    assert track_of(codec, RECORDS[codec]).timescale == 48_000


def test_mp3_needs_no_record() -> None:
    packet = Packet(TrackId(Kind.AUDIO), Codec.MP3, 0, MP3_FRAME, is_key=True)
    assert make_track(None, packet).timescale == 48_000


def test_the_record_of_vp9_may_come_with_its_boxs_version_or_without() -> None:
    with_version = track_of(Codec.VP9, records.VP9, VP9_KEY_FRAME)
    assert track_of(Codec.VP9, records.VP9[4:], VP9_KEY_FRAME) == with_version


@pytest.mark.parametrize("codec", [Codec.AC3, Codec.EAC3, Codec.VP8])
def test_other_codecs_are_refused_by_name(codec: Codec) -> None:
    with pytest.raises(ParseError, match=rf"MP4 is not written with {codec.value}, expected \.mp3, Opus"):
        track_of(codec, b"")


def test_a_missing_record_is_told() -> None:
    with pytest.raises(ParseError, match="avc1 has no configuration record"):
        make_track(None, Packet(TrackId(Kind.VIDEO), Codec.H264, 0, b"\0", is_key=True))


@pytest.mark.parametrize("codec", list(RECORDS))
def test_every_truncated_record_is_refused_or_says_the_same(codec: Codec) -> None:
    whole = track_of(codec, RECORDS[codec], VP9_KEY_FRAME)
    for size in range(len(RECORDS[codec])):
        try:
            track = track_of(codec, RECORDS[codec][:size], VP9_KEY_FRAME)
        except ParseError:
            continue
        assert track.codec is whole.codec


@pytest.mark.parametrize("size", range(len(VP9_KEY_FRAME)))
def test_a_truncated_key_frame_of_vp9_is_refused(size: int) -> None:
    with pytest.raises(ParseError):
        track_of(Codec.VP9, records.VP9, VP9_KEY_FRAME[:size])


@pytest.mark.parametrize(
    ("payload", "samples"),
    [
        ("08", 960),  # SILK, 20 ms
        ("19", 5760),  # SILK, two of 60 ms
        ("78", 960),  # hybrid, 20 ms
        ("fc", 960),  # CELT, 20 ms
        ("e0", 120),  # CELT, 2.5 ms
        ("ff03", 2880),  # three of 20 ms
        ("ff00", None),
        ("ff", None),
        ("", None),
    ],
)
def test_opus_frames_last_as_their_first_bytes_say(payload: str, samples: int | None) -> None:
    assert frame_samples(Packet(TrackId(Kind.AUDIO), Codec.OPUS, 0, bytes.fromhex(payload))) == samples
