"""Bodies of audio and video, legacy and enhanced: what they become, and what is refused."""

from __future__ import annotations

import pytest

from miso.live.errors import ParseError
from miso.live.media.amf import Value
from miso.live.media.bodies import BodyReader, MultichannelConfig
from miso.live.media.body_form import AudioPacketType, FrameType, VideoPacketType
from miso.live.media.body_writer import color_info_body, composition_time, enhanced_prefix, multitrack_body
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.opus import OpusHead
from miso.live.media.packet import Packet
from tests.live.media import records

VIDEO = TrackId(Kind.VIDEO)
AUDIO = TrackId(Kind.AUDIO)
PICTURE = bytes.fromhex("00000003 65aabb")
VIDEO_RECORDS = {Codec.H264: records.H264, Codec.HEVC: records.HEVC, Codec.AV1: records.AV1, Codec.VP9: records.VP9}
AUDIO_RECORDS = {Codec.AAC: records.AAC, Codec.OPUS: records.OPUS, Codec.FLAC: records.FLAC, Codec.AC3: b""}


def video(form: str | bytes, dts_ms: int = 40) -> list[Packet]:
    return BodyReader().read_video(bytes.fromhex(form) if isinstance(form, str) else form, dts_ms)


def audio(form: str | bytes, dts_ms: int = 40) -> list[Packet]:
    return BodyReader().read_audio(bytes.fromhex(form) if isinstance(form, str) else form, dts_ms)


def content(packet: Packet) -> tuple[object, ...]:
    marks = (packet.is_key, packet.is_config, packet.is_end, packet.nanosecond_offset)
    return packet.track, packet.codec, packet.dts_ms, packet.composition_ms, *marks, packet.payload


@pytest.mark.parametrize(
    ("first", "is_key"),
    [("17", True), ("27", False), ("37", False), ("47", True)],
    ids=["key", "inter", "drop", "made"],
)
def test_a_legacy_picture_is_a_key_frame_if_it_says_so(first: str, is_key: bool) -> None:
    (packet,) = video(first + "01 000050" + PICTURE.hex())
    assert content(packet) == (VIDEO, Codec.H264, 40, 80, is_key, False, False, 0, PICTURE)
    assert packet.pts_ms == 120
    assert packet.nal_units == (bytes.fromhex("65aabb"),)


@pytest.mark.parametrize(
    ("form", "composition_ms"), [("ffffff", -1), ("ffffd8", -40), ("800000", -(1 << 23)), ("7fffff", (1 << 23) - 1)]
)
def test_composition_times_have_a_sign(form: str, composition_ms: int) -> None:
    assert video(f"2701{form}" + PICTURE.hex())[0].composition_ms == composition_ms
    assert video(f"a1 61766331 {form}" + PICTURE.hex())[0].composition_ms == composition_ms
    assert composition_time(composition_ms) == bytes.fromhex(form)


def test_composition_times_beyond_24_bits_are_cut_to_them() -> None:
    assert composition_time(1 << 30) == bytes.fromhex("7fffff")
    assert composition_time(-(1 << 30)) == bytes.fromhex("800000")


def test_a_legacy_body_is_kept_as_it_came() -> None:
    reader = BodyReader()
    for body in (b"\x17\0\0\0\0" + records.H264, b"\x27\1\xff\xff\xd8" + PICTURE):
        (packet,) = reader.read_video(body, 0)
        assert packet.flv_body(enhanced=False) is body
        assert packet.at(7).flv_body(enhanced=False) is body
        assert packet.size_bytes == len(packet.payload) == len(body) - 5
    for body in (b"\xaf\0" + records.AAC, b"\xae\1raw", b"\x2f\xff\xfb\x90\x64", b"\xe6\xff\xf3\xe4\xc4"):
        (packet,) = reader.read_audio(body, 0)
        assert packet.flv_body(enhanced=False) is body


@pytest.mark.parametrize("enhanced", [False, True])
def test_every_body_is_made_of_what_came_in_without_a_copy(enhanced: bool) -> None:
    payload = bytes(100_000)
    (legacy,) = BodyReader().read_video(b"\x27\1\0\0\7" + payload, 0)
    for packet in (
        legacy,
        Packet(VIDEO, Codec.H264, 0, payload, composition_ms=7),
        Packet(VIDEO, Codec.AV1, 0, payload),
        Packet(TrackId(Kind.VIDEO, 3), Codec.HEVC, 0, payload),
    ):
        body, again = packet.body(enhanced=enhanced), packet.at(9).body(enhanced=enhanced)
        assert body is not None
        assert again is not None
        assert body.source is again.source
        assert len(body.prefix) < 16
        assert body.size_bytes == len(body.joined())
        assert body.joined() == packet.flv_body(enhanced)
        assert packet.payload == payload


def test_names_of_legacy_codecs_become_legacy_bodies() -> None:
    reader = BodyReader()
    (config,) = reader.read_video(b"\x90avc1" + records.H264, 0)
    assert config.flv_body(enhanced=False) == b"\x17\0\0\0\0" + records.H264
    (packet,) = reader.read_video(b"\xa1avc1\xff\xff\xd8" + PICTURE, 0)
    assert packet.flv_body(enhanced=False) == b"\x27\1\xff\xff\xd8" + PICTURE
    (packet,) = reader.read_video(b"\x93avc1" + PICTURE, 0)
    assert packet.flv_body(enhanced=False) == b"\x17\1\0\0\0" + PICTURE
    (end,) = reader.read_video(b"\x92avc1", 0)
    assert end.flv_body(enhanced=False) == b"\x17\2\0\0\0"
    (config,) = reader.read_audio(b"\x90mp4a" + records.AAC, 0)
    assert config.flv_body(enhanced=False) == b"\xaf\0" + records.AAC
    (packet,) = reader.read_audio(b"\x91mp4araw", 0)
    assert packet.flv_body(enhanced=False) == b"\xaf\1raw"
    (packet,) = reader.read_audio(b"\x91.mp3\xff\xf3\x94\xc4", 0)
    assert packet.flv_body(enhanced=False) == b"\x2a\xff\xf3\x94\xc4"


def test_the_end_of_an_audio_track_has_no_legacy_body() -> None:
    (end,) = audio(b"\x92mp4a")
    assert (end.is_end, end.flv_body(enhanced=False), end.flv_body(enhanced=True)) == (True, b"", b"\x92mp4a")


def test_informal_hevc_is_given_on_as_enhanced() -> None:
    reader = BodyReader()
    (config,) = reader.read_video(b"\x1c\0\0\0\0" + records.HEVC, 0)
    assert content(config) == (VIDEO, Codec.HEVC, 0, 0, False, True, False, 0, records.HEVC)
    assert config.flv_body(enhanced=False) == b"\x90hvc1" + records.HEVC
    (packet,) = reader.read_video(b"\x2c\1\0\0\x28" + PICTURE, 0)
    assert (packet.composition_ms, packet.payload) == (40, PICTURE)
    assert packet.flv_body(enhanced=False) == b"\xa1hvc1\0\0\x28" + PICTURE
    assert reader.read_video(b"\x1c\2\0\0\0", 0)[0].is_end


def test_nal_units_are_cut_by_the_length_size_that_the_configuration_says() -> None:
    record = bytearray(records.H264)
    record[4] = 0xFD
    reader = BodyReader()
    reader.read_video(b"\x17\0\0\0\0" + bytes(record), 0)
    (packet,) = reader.read_video(b"\x17\1\0\0\0" + b"\0\2\x65a\0\1\x06", 0)
    assert packet.nal_units == (b"\x65a", b"\x06")
    assert packet.at(5).nal_units == (b"\x65a", b"\x06")
    assert reader.read_video(b"\x90avc1" + records.H264, 0)[0].length_size == 4
    (packet,) = reader.read_video(b"\x17\1\0\0\0" + b"\0\2\x65a", 0)
    with pytest.raises(ParseError, match="overruns"):
        _ = packet.nal_units


@pytest.mark.parametrize("body", [b"", b"\x57\0", b"\x57", b"\x17\1\0\0\0", b"\xd1avc1\0", b"\x91av01", b"\x93hvc1"])
def test_video_without_a_picture_is_nothing(body: bytes) -> None:
    assert video(body) == []


@pytest.mark.parametrize("body", [b"", b"\xaf\1", b"\x2f", b"\x91Opus", b"\x91mp4a"])
def test_silence_is_nothing(body: bytes) -> None:
    assert audio(body) == []


def test_an_end_is_told_and_keeps_what_the_track_was() -> None:
    reader = BodyReader()
    reader.read_audio(b"\xaf\0" + records.AAC, 0)
    for body, codec in ((b"\x17\2\0\0\0", Codec.H264), (b"\x17\2", Codec.H264), (b"\x92hvc1", Codec.HEVC)):
        (end,) = reader.read_video(body, 5)
        assert content(end) == (VIDEO, codec, 5, 0, False, False, True, 0, b"")


@pytest.mark.parametrize("number", [0, 1, 255])
@pytest.mark.parametrize("codec", [Codec.H264, Codec.HEVC, Codec.AV1, Codec.VP9, Codec.VP8])
def test_enhanced_video_is_written_and_read(codec: Codec, number: int) -> None:
    reader = BodyReader()
    track = TrackId(Kind.VIDEO, number)
    for packet in (
        Packet(track, codec, 0, VIDEO_RECORDS.get(codec, b"vpcC"), is_config=True),
        Packet(track, codec, 40, PICTURE, is_key=True),
        Packet(track, codec, 80, PICTURE, composition_ms=-40 if codec in (Codec.H264, Codec.HEVC) else 0),
        Packet(track, codec, 120, b"", is_end=True),
    ):
        body = packet.flv_body(enhanced=True)
        (read,) = reader.read_video(body, packet.dts_ms)
        assert content(read) == content(packet)
        assert (body[0] & 0xF == VideoPacketType.MULTITRACK) == bool(number)


@pytest.mark.parametrize("number", [0, 1, 255])
@pytest.mark.parametrize("codec", [codec for codec in Codec if codec.kind is Kind.AUDIO])
def test_enhanced_audio_is_written_and_read(codec: Codec, number: int) -> None:
    reader = BodyReader()
    track = TrackId(Kind.AUDIO, number)
    for packet in (
        Packet(track, codec, 0, AUDIO_RECORDS.get(codec, b""), is_config=True),
        Packet(track, codec, 20, b"frame", is_key=True),
        Packet(track, codec, 40, b"", is_end=True),
    ):
        (read,) = reader.read_audio(packet.flv_body(enhanced=True), packet.dts_ms)
        assert content(read) == content(packet)


def test_other_tracks_and_newer_codecs_are_always_enhanced() -> None:
    second = Packet(TrackId(Kind.VIDEO, 1), Codec.H264, 0, PICTURE, is_key=True)
    assert second.flv_body(enhanced=False) == b"\x96\x03avc1\1" + PICTURE
    opus = Packet(AUDIO, Codec.OPUS, 0, b"frame", is_key=True)
    assert opus.flv_body(enhanced=False) == b"\x91Opusframe"
    av1 = Packet(VIDEO, Codec.AV1, 0, b"frame")
    assert av1.flv_body(enhanced=False) == b"\xa1av01frame"


def test_many_tracks_of_one_codec_are_several_packets() -> None:
    body = multitrack_body(
        FrameType.KEY, VideoPacketType.CODED_FRAMES_X, [(Codec.HEVC, 0, b"low"), (Codec.HEVC, 7, b"high")]
    )
    assert body == bytes.fromhex("96 13 68766331 00 000003 6c6f77 07 000004 68696768")
    assert [(packet.track.number, packet.payload, packet.is_key) for packet in video(body)] == [
        (0, b"low", True),
        (7, b"high", True),
    ]


def test_many_tracks_of_many_codecs_are_several_packets() -> None:
    tracks = [(Codec.H264, 0, b"\xff\xff\xff" + b"a"), (Codec.AV1, 1, b"b")]
    body = multitrack_body(FrameType.INTER, VideoPacketType.CODED_FRAMES, tracks)
    assert body == bytes.fromhex("a6 21 61766331 00 000004 ffffff61 61763031 01 000001 62")
    assert [(packet.codec, packet.track.number, packet.composition_ms, packet.payload) for packet in video(body)] == [
        (Codec.H264, 0, -1, b"a"),
        (Codec.AV1, 1, 0, b"b"),
    ]
    sounds = multitrack_body(None, AudioPacketType.CODED_FRAMES, [(Codec.AAC, 0, b"a"), (Codec.OPUS, 1, b"b")])
    assert [(packet.codec, packet.payload) for packet in audio(sounds)] == [(Codec.AAC, b"a"), (Codec.OPUS, b"b")]


def test_a_track_of_its_own_has_a_length_size_of_its_own() -> None:
    record = bytearray(records.H264)
    record[4] = 0xFC
    reader = BodyReader()
    reader.read_video(b"\x90avc1" + records.H264, 0)
    reader.read_video(b"\x96\0avc1\1" + bytes(record), 0)
    assert reader.read_video(b"\x96\3avc1\1" + b"\1\x65", 0)[0].nal_units == (b"\x65",)
    assert reader.read_video(b"\x93avc1" + PICTURE, 0)[0].nal_units == (PICTURE[4:],)


def test_nanoseconds_are_read_and_written() -> None:
    prefix = enhanced_prefix(
        Codec.HEVC,
        0,
        composition_ms=0,
        is_key=True,
        is_config=False,
        is_end=False,
        nanosecond_offset=999_999,
    )
    assert prefix == bytes.fromhex("97 02 0f423f 03 68766331")
    (packet,) = video(prefix + PICTURE)
    assert (packet.nanosecond_offset, packet.payload, packet.is_key) == (999_999, PICTURE, True)
    assert packet.at(3).nanosecond_offset == 999_999


def test_any_number_of_modifiers_of_any_size_is_passed_over() -> None:
    unknown = "00 ee 17"
    long = "ff 012b" + "ee" * 300 + "27"
    nanoseconds = "02 000005"
    form = f"97 {unknown} {long} {nanoseconds} 01 61763031 aabb"
    (packet,) = video(form)
    assert (packet.nanosecond_offset, packet.codec, packet.payload) == (5, Codec.AV1, b"\xaa\xbb")
    (packet,) = audio("97 00 ee 17 02 000007 01 4f707573 aabb")
    assert (packet.nanosecond_offset, packet.codec, packet.payload) == (7, Codec.OPUS, b"\xaa\xbb")
    tracks = audio("97 02 000007 05 11 4f707573 00 000001 aa 03 000001 bb")
    assert [(packet.track.number, packet.nanosecond_offset) for packet in tracks] == [(0, 7), (3, 7)]


def test_colors_are_kept_beside_the_pictures_and_taken_back() -> None:
    reader = BodyReader()
    colors: dict[str, Value] = {"colorConfig": {"bitDepth": 10.0, "colorPrimaries": 9.0}}
    assert reader.read_video(color_info_body(Codec.HEVC, colors), 0) == []
    assert reader.color_info == {VIDEO: colors}
    assert reader.read_video(color_info_body(Codec.HEVC, {}), 0) == []
    assert reader.color_info == {}


def test_colors_are_read_whatever_their_frame_type_says() -> None:
    reader = BodyReader()
    body = bytearray(color_info_body(Codec.HEVC, {"hdrCll": {"maxFall": 400.0}}))
    body[0] = 0x80 | FrameType.COMMAND << 4 | VideoPacketType.METADATA
    assert reader.read_video(bytes(body), 0) == []
    assert reader.color_info == {VIDEO: {"hdrCll": {"maxFall": 400.0}}}


def test_colors_that_take_much_room_are_refused() -> None:
    reader = BodyReader()
    with pytest.raises(ParseError, match=r"color information has .* bytes, expected at most 4096"):
        reader.read_video(color_info_body(Codec.HEVC, {"x": "x" * 4096}), 0)
    assert reader.color_info == {}


def test_channels_are_kept_beside_the_sound() -> None:
    reader = BodyReader()
    for form, expected in (
        ("94 4f707573 00 02", MultichannelConfig(0, 2)),
        ("94 4f707573 01 06 0000003f", MultichannelConfig(1, 6, flags=0x3F)),
        ("94 4f707573 02 03 000102", MultichannelConfig(2, 3, mapping=b"\0\1\2")),
    ):
        assert reader.read_audio(bytes.fromhex(form), 0) == []
        assert reader.multichannel[AUDIO] == expected


def test_av1_of_mpeg2ts_begins_with_a_configuration_record() -> None:
    (packet,) = video("95 61763031 8004 81052ce3")
    assert content(packet) == (VIDEO, Codec.AV1, 40, 0, False, True, False, 0, bytes.fromhex("81052c03"))


def test_opus_may_begin_without_a_header() -> None:
    assert audio(b"\x90Opus")[0].payload == OpusHead().to_bytes()


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("17", "has 1 bytes, expected at least 5"),
        ("1700", "has 2 bytes, expected at least 5"),
        ("17010000", "has 4 bytes"),
        ("1703000000", "packet type is 3"),
        ("12ff", "codec is 2, expected AVC"),
        ("1700000000", "ends too early"),
        ("1c00000000", "ends too early"),
        ("90", "have 0 bytes, need 4"),
        ("90 76766331", "codec b'vvc1', expected one of avc1"),
        ("90 4f707573", "codec b'Opus', expected one of avc1"),
        ("90 61766331", "ends too early"),
        ("90 61763031", "ends too early"),
        ("95 68766331 8004 81052ce3", "is of hvc1, expected av01"),
        ("91 61766331 0000", "have 2 bytes, need 3"),
        ("98 61766331", "packet type is 8"),
        ("96 31 61766331 00", "multitrack type is 3|multitrack type 3"),
        ("96 06 61766331 00", "packet type is 6"),
        ("96 07 61766331 00", "packet type is 7"),
        ("96 01 61766331", "have 0 bytes"),
        ("96 11 61766331 00 000002 aa", "have 1 bytes, need 2"),
        ("96 13 61766331 00 000001 aa 00 000001 bb", "track 0 twice"),
        ("97", "have 0 bytes, need 1"),
        ("97 02 0000", "have 2 bytes, need 3"),
        ("97 00 05 01 61763031", "offset of 1 bytes, expected 3"),
        ("97 02 0f4240 01 61763031 aa", "1000000 ns offset"),
        ("94 68766331 02", "ends too early"),
    ],
)
def test_broken_video_is_refused(form: str, text: str) -> None:
    with pytest.raises(ParseError, match=text):
        video(form)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("af", "packet type is None"),
        ("af02", "packet type is 2"),
        ("af00", "ends too early"),
        ("bf01", "format is 11, expected MP3"),
        ("91 61766331 00", "codec b'avc1', expected one of mp4a"),
        ("93 4f707573", "packet type is 3"),
        ("90", "have 0 bytes, need 4"),
        ("95", "have 0 bytes"),
        ("95 05 4f707573 00", "packet type is 5"),
        ("94 4f707573", "have 0 bytes"),
        ("94 4f707573 02 ff", "have 0 bytes, need 255"),
        ("90 6d703461", "ends too early"),
    ],
)
def test_broken_audio_is_refused(form: str, text: str) -> None:
    with pytest.raises(ParseError, match=text):
        audio(form)


def test_a_repr_cuts_no_payload_out_of_its_body() -> None:
    assert repr(video("17 01 000000" + PICTURE.hex())[0]) == "<Packet avc1 track=0 dts=40 key 7 bytes>"


def test_what_has_no_nal_units_says_so() -> None:
    for packet in (audio("af01ff")[0], Packet(VIDEO, Codec.H264, 0, records.H264, is_config=True)):
        with pytest.raises(ParseError, match="has no NAL units"):
            _ = packet.nal_units
