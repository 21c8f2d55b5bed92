"""VP8, VP9 and AV1 of real encoders out of ffmpeg's RTP, in order and not; what ffmpeg decodes of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest

from miso.live.bridge.from_room.picture_codec import READING, PictureCodec
from miso.live.bridge.rtp.av1_depacketizer import Av1Depacketizer
from miso.live.bridge.rtp.av1_pictures import Av1Pictures
from miso.live.bridge.rtp.depacketizer import MAX_PICTURE_BYTES, AccessUnit
from miso.live.bridge.rtp.rtp_packet import RtpPacket
from miso.live.bridge.rtp.vp8_depacketizer import Vp8Depacketizer
from miso.live.bridge.rtp.vp9_depacketizer import Vp9Depacketizer
from miso.live.bridge.rtp.vp9_pictures import Vp9Pictures
from miso.live.errors import ParseError
from miso.live.media.av1 import read_av1_config
from miso.live.media.codec import Codec
from miso.live.media.description import describe
from miso.live.media.packet import Packet
from miso.live.media.vp9 import join_vp9_frames, read_vp9_config, split_vp9_frames
from miso.live.media.vp9_frame_header import Vp9Sizes, hide, read_picture_size
from tests.live.bridge.rtp.received import received

pytest.importorskip("av", reason="PyAV is missing")
ffmpeg_rtp = pytest.importorskip("tests.live.bridge.rtp.ffmpeg_rtp")

CODECS = {
    PictureCodec.VP8: ("libvpx", "vp8"),
    PictureCodec.VP9: ("libvpx-vp9", "vp9"),
    PictureCodec.AV1: ("libsvtav1", "libdav1d"),
}
every_codec = pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.value)


@cache
def sent(codec: PictureCodec) -> Any:
    return ffmpeg_rtp.encoded(CODECS[codec][0])


def taken(codec: PictureCodec, rtp: Sequence[RtpPacket]) -> list[Packet]:
    return received(rtp, READING[codec].depacketizer(), READING[codec].pictures())


def frames(packets: Sequence[Packet]) -> list[bytes]:
    return [packet.payload for packet in packets if not packet.is_config]


@every_codec
def test_pictures_are_the_same_behind_rtp(codec: PictureCodec) -> None:
    one = sent(codec)
    got = taken(codec, one.rtp)
    assert [packet.is_key for packet in got if not packet.is_config] == one.keys
    assert sum(packet.is_config for packet in got) == 1
    decoder = CODECS[codec][1]
    assert ffmpeg_rtp.decoded(decoder, frames(got)) == ffmpeg_rtp.decoded(decoder, one.frames)
    assert len(ffmpeg_rtp.decoded(decoder, frames(got))) == len(one.frames)


@every_codec
@pytest.mark.parametrize("seed", range(3))
def test_reordered_and_repeated_packets_change_nothing(codec: PictureCodec, seed: int) -> None:
    rtp = sent(codec).rtp
    source = random.Random(seed)
    mixed = sorted(
        [*enumerate(rtp), *source.sample(list(enumerate(rtp)), len(rtp) // 3)],
        key=lambda one: one[0] + source.uniform(0, 8 if one[0] else 0),
    )
    mixed.insert(0, (0, rtp[0]))
    assert frames(taken(codec, [packet for _, packet in mixed])) == frames(taken(codec, rtp))


@every_codec
def test_after_a_loss_pictures_go_on_at_the_next_key_frame(codec: PictureCodec) -> None:
    rtp = sent(codec).rtp
    whole = [packet for packet in taken(codec, rtp) if not packet.is_config]
    second_key_ms = whole[ffmpeg_rtp.GOP].dts_ms
    for lost in range(1, len(rtp)):  # of the first packet nobody knows that there was one
        got = [packet.dts_ms for packet in taken(codec, rtp[:lost] + rtp[lost + 1 :]) if not packet.is_config]
        missing_ms = rtp[lost].timestamp // 90
        expected = [
            packet.dts_ms
            for packet in whole
            if (packet.dts_ms < missing_ms or packet.dts_ms >= second_key_ms > missing_ms)
        ]
        assert got == expected, f"packet {lost} is lost"


@every_codec
def test_another_size_gives_another_record_where_a_record_says_it(codec: PictureCodec) -> None:
    small, large = sent(codec), ffmpeg_rtp.encoded(CODECS[codec][0], 2, (640, 480))
    first = small.rtp[-1]
    later = [
        packet._replace(
            sequence_number=(first.sequence_number + 1 + index) & 0xFFFF,
            timestamp=(first.timestamp + 3_600 + packet.timestamp - large.rtp[0].timestamp) & 0xFFFFFFFF,
        )
        for index, packet in enumerate(large.rtp)
    ]
    got = taken(codec, [*small.rtp, *later])
    records = [packet for packet in got if packet.is_config]
    if codec is PictureCodec.AV1:
        described = [describe(record) for record in records]
        assert [(one.width, one.height) for one in described] == [(320, 180), (640, 480)]
    else:
        assert [read_vp9_config(record.payload).level for record in records] == [11, 30]
    sizes = [(width, height) for width, height, _ in ffmpeg_rtp.decoded(CODECS[codec][1], frames(got))]
    assert sizes == [(320, 180)] * len(small.frames) + [(640, 480)] * len(large.frames)


def test_layers_of_a_moment_are_one_picture() -> None:
    """Two spatial layers: a frame for each, in one superframe; those of Chromium are in the tests with a browser."""
    frames = ffmpeg_rtp.encoded("libvpx-vp9", 1, (160, 90)).frames + ffmpeg_rtp.encoded("libvpx-vp9", 1).frames
    depacketizer = Vp9Depacketizer()
    units: list[AccessUnit] = []
    parts = [(0x28, 0x00, frames[0][:500]), (0x24, 0x00, frames[0][500:]), (0x2C, 0x03, frames[1])]
    for index, (first, layers, data) in enumerate(parts):
        payload = bytes((first, layers, 0)) + data
        units += depacketizer.put(RtpPacket(96, index, 7, 1, payload, marker=index == len(parts) - 1), False)
    assert units == [AccessUnit(7, tuple(frames))]
    picture = Vp9Pictures().read(units[0].units)
    assert picture is not None
    assert ffmpeg_rtp.decoded("vp9", [picture.payload]) == ffmpeg_rtp.decoded("vp9", [frames[1]])
    assert read_picture_size(picture.payload) == (320, 180)


OPTIONS = {
    "plain": {},
    "tiles": {"tile-columns": "2", "tile-rows": "1"},
    "segments": {"aq-mode": "3"},
    "variance": {"aq-mode": "1", "row-mt": "1"},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("size", [(320, 180), (1_280, 720)], ids=["small", "large"])
def test_a_hidden_frame_changes_no_other(size: tuple[int, int], options: dict[str, str]) -> None:
    one = ffmpeg_rtp.encoded("libvpx-vp9", 4, size, {"error-resilient": "1", **options})
    all_shown = ffmpeg_rtp.decoded("vp9", one.frames)
    for index in range(3):
        sizes = Vp9Sizes()
        headers = [sizes.read(frame) for frame in one.frames]
        assert [header.size for header in headers] == [size] * 4
        hidden = hide(one.frames[index], headers[index])
        assert not Vp9Sizes().read(hidden).is_shown
        frames = [join_vp9_frames([hidden, one.frames[index + 1]])]
        got = ffmpeg_rtp.decoded("vp9", one.frames[:index] + frames + one.frames[index + 2 :])
        assert got == all_shown[:index] + all_shown[index + 1 :]


def test_superframes_are_taken_apart() -> None:
    for frames in ([b"a"], [b"a", b"bc"], [b"x" * 300, b"y", b"z" * 70_000], [b"q"] * 8):
        assert split_vp9_frames(join_vp9_frames(frames)) == frames
    for broken in (b"", b"\xc1", b"\xc1\x05\x05\xc1", b"ab\xc1\x01\x02\xc1", b"ab\xc0\x01\x01\xc1"):
        assert split_vp9_frames(broken) == [broken]


def test_what_a_descriptor_may_have_is_passed_over() -> None:
    vp9 = bytes.fromhex(
        "fe"  # picture id, inter, layers, flexible, begins, ends, structure
        "8123 00 0302"  # picture id of 15 bits, layers, two references
        "38 0140 00b4 0280 0168 02 04 05 00"  # two sizes, two pictures of which the first has a reference
    )
    depacketizer = Vp9Depacketizer()
    assert depacketizer.put(RtpPacket(96, 0, 0, 1, vp9 + b"frame", True), False) == [AccessUnit(0, (b"frame",))]
    vp8 = bytes.fromhex("90 e0 8123 05 20")  # picture id of 15 bits, TL0PICIDX, temporal layer
    assert Vp8Depacketizer().put(RtpPacket(96, 0, 0, 1, vp8 + b"frame", True), False) == [AccessUnit(0, (b"frame",))]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("08", "nothing behind"),
        ("88", "ends too early"),
        ("8880", "ends too early"),
        ("5c01030500ff", "references"),
        ("0a18", "ends too early"),
        ("0a0802", "ends too early"),
        ("04ff", "has not begun"),
    ],
)
def test_vp9_payloads_without_sense_cost_their_picture_only(payload: str, reason: str) -> None:
    depacketizer = Vp9Depacketizer()
    with pytest.raises(ParseError, match=reason):
        depacketizer.put(RtpPacket(96, 0, 0, 1, bytes.fromhex(payload)), False)
    assert depacketizer.put(RtpPacket(96, 1, 0, 1, b"\x0cx", True), False) == []
    assert depacketizer.broken == 1
    assert depacketizer.put(RtpPacket(96, 2, 9, 1, b"\x0cx", True), False) == [AccessUnit(9, (b"x",))]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [("10", "nothing behind"), ("9080", "ends too early"), ("908080", "ends too early"), ("00ff", "has not begun")],
)
def test_vp8_payloads_without_sense_cost_their_picture_only(payload: str, reason: str) -> None:
    depacketizer = Vp8Depacketizer()
    with pytest.raises(ParseError, match=reason):
        depacketizer.put(RtpPacket(96, 0, 0, 1, bytes.fromhex(payload)), False)
    assert depacketizer.put(RtpPacket(96, 1, 0, 1, b"\x10x", True), False) == []
    assert depacketizer.put(RtpPacket(96, 2, 9, 1, b"\x10x", True), False) == [AccessUnit(9, (b"x",))]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("10", "0 bytes"),
        ("08", "no OBU"),
        ("0005", "ends too early"),
        ("00018000", "0 bytes"),
        ("20017f", "0 bytes"),
        ("90ff", "has not begun"),
        ("00ffffffffffffffff01", "more than 8 bytes"),
    ],
)
def test_av1_payloads_without_sense_cost_their_picture_only(payload: str, reason: str) -> None:
    depacketizer = Av1Depacketizer()
    with pytest.raises(ParseError, match=reason):
        depacketizer.put(RtpPacket(96, 0, 0, 1, bytes.fromhex(payload)), False)
    assert depacketizer.put(RtpPacket(96, 1, 0, 1, b"\x10x", True), False) == []
    assert depacketizer.broken == 1
    assert depacketizer.put(RtpPacket(96, 2, 9, 1, b"\x10x", True), False) == [AccessUnit(9, (b"x",))]


def test_av1_units_come_with_and_without_sizes_and_in_pieces() -> None:
    depacketizer = Av1Depacketizer()
    put = [("40 02 6161 01 62 02 6363", False), ("d0 6464", False), ("a0 01 64 65", True)]
    made = []
    for index, (payload, marker) in enumerate(put):
        made += depacketizer.put(RtpPacket(96, index, 5, 1, bytes.fromhex(payload), marker), False)
    assert made == [AccessUnit(5, (b"aa", b"b", b"ccddd", b"e"))]


def test_an_av1_unit_that_is_not_ended_costs_its_picture() -> None:
    depacketizer = Av1Depacketizer()
    assert depacketizer.put(RtpPacket(96, 0, 0, 1, b"\x50x"), False) == []
    with pytest.raises(ParseError, match="has not ended"):
        depacketizer.put(RtpPacket(96, 1, 0, 1, b"\x10y", True), False)
    assert depacketizer.put(RtpPacket(96, 2, 9, 1, b"\x50x", True), False) == []
    assert depacketizer.broken == 2


def test_av1_pictures_leave_out_what_files_do_and_need_a_sequence_header() -> None:
    key = b"\x30\x10abc"
    with pytest.raises(ParseError, match="before its sequence header"):
        Av1Pictures().read((key,))
    with pytest.raises(ParseError, match="at most 1024"):
        Av1Pictures().read((b"\x08" + bytes(2_000), key))
    with pytest.raises(ParseError, match="is empty"):
        Av1Pictures().read((b"\x30",))
    sequence = read_av1_config(
        next(packet for packet in taken(PictureCodec.AV1, sent(PictureCodec.AV1).rtp)).payload
    ).obus
    pictures = Av1Pictures()
    assert pictures.read((sequence,)) is None
    picture = pictures.read((b"\x12\x00", b"\x34\x20\x10abc", b"\x7a\x01\x80"))  # delimiter, layered frame, padding
    assert picture is not None
    assert picture.payload == b"\x36\x20\x04\x10abc"
    assert picture.record is not None
    inter = pictures.read((b"\x30\x30abc",))
    assert inter is not None
    assert inter.record is None


def test_a_frame_that_begins_within_another_costs_both() -> None:
    for depacketizer, begins, ends in ((Vp9Depacketizer(), b"\x08", b"\x0c"), (Vp8Depacketizer(), b"\x10", b"\x10")):
        assert depacketizer.put(RtpPacket(96, 0, 0, 1, begins + b"x"), False) == []
        with pytest.raises(ParseError, match="begins before"):
            depacketizer.put(RtpPacket(96, 1, 0, 1, ends + b"y", True), False)
        assert depacketizer.put(RtpPacket(96, 2, 9, 1, ends + b"z", True), False) == [AccessUnit(9, (b"z",))]


def test_frames_that_never_end_and_layers_without_number_are_bounded() -> None:
    depacketizer = Vp9Depacketizer()
    size = 60_000
    depacketizer.put(RtpPacket(96, 0, 0, 1, b"\x08" + bytes(size)), False)
    for index in range(1, MAX_PICTURE_BYTES // size):
        depacketizer.put(RtpPacket(96, index, 0, 1, b"\x00" + bytes(size)), False)
    with pytest.raises(ParseError, match="more than"):
        depacketizer.put(RtpPacket(96, 0, 0, 1, b"\x00" + bytes(size)), False)
    depacketizer = Vp9Depacketizer()
    for index in range(8):
        depacketizer.put(RtpPacket(96, index, 0, 1, b"\x0cx"), False)
    with pytest.raises(ParseError, match="more than 8 frames"):
        depacketizer.put(RtpPacket(96, 8, 0, 1, b"\x0cx"), False)


def test_records_say_what_key_frames_say() -> None:
    record = read_vp9_config(next(packet for packet in taken(PictureCodec.VP9, sent(PictureCodec.VP9).rtp)).payload)
    assert (record.profile, record.level, record.bits) == (0, 11, 8)
    assert next(packet for packet in taken(PictureCodec.VP8, sent(PictureCodec.VP8).rtp)).codec is Codec.VP8
