"""H.264 of real encoders through RTP and back, in order and not; what ffmpeg decodes of it."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from miso.live.bridge.rtp.depacketizer import MAX_PICTURE_BYTES, AccessUnit
from miso.live.bridge.rtp.h264_depacketizer import H264Depacketizer
from miso.live.bridge.rtp.h264_packetizer import MAX_PAYLOAD, H264Packetizer, fragments
from miso.live.bridge.rtp.h264_pictures import MAX_SET_BYTES, H264Pictures
from miso.live.bridge.rtp.h264_slice import NalType, nal_type, read_picture
from miso.live.bridge.rtp.picture_packets import PicturePackets
from miso.live.bridge.rtp.rtp_packet import RtpPacket
from miso.live.errors import ParseError
from miso.live.media.avc import read_avc_config, read_avc_sps
from miso.live.media.bodies import BodyReader
from miso.live.media.flv import FlvReader, TagType
from miso.live.media.packet import Codec, Packet
from tests.live.bridge.rtp.received import received

av = pytest.importorskip("av", reason="PyAV is missing")
encoder = pytest.importorskip("tests.live.media.encoder")

FRAMES = 12
SPS, PPS = b"\x67\x42\xc0\x1e\xd9", b"\x68\xce\x01"
IDR, SLICE, B_SLICE = b"\x65\x88\x80\x10", b"\x41\x9a\x02\x05", b"\x01\x9e\x02\x05"
DELIMITER, SEI, FILLER = b"\x09\xf0", b"\x06\x05\x01\x00\x80", b"\x0c\xff\x80"


def encoded(**options: str) -> list[Packet]:
    flv = encoder.encode("libx264", frames=FRAMES, options={"preset": "ultrafast", "bf": "0", "g": "6", **options})
    bodies = BodyReader()
    tags = [tag for tag in FlvReader().feed(flv) if tag.tag_type is TagType.VIDEO]
    packets = [packet for tag in tags for packet in bodies.read_video(tag.body, tag.timestamp_ms)]
    return [packet for packet in packets if not packet.is_end]


def to_rtp(packets: Sequence[Packet], first: int = 65_530) -> list[RtpPacket]:
    packetizer = H264Packetizer()
    sent: list[RtpPacket] = []
    for packet in packets:
        if packet.is_config:
            config = read_avc_config(packet.payload)
            packetizer.configure(config.sps, config.pps)
            continue
        payloads = packetizer.payloads(packet.nal_units)
        for index, payload in enumerate(payloads):
            number = (first + len(sent)) & 0xFFFF
            sent.append(RtpPacket(96, number, 90 * packet.pts_ms, 1, payload, index == len(payloads) - 1))
    return sent


def from_rtp(rtp: Sequence[RtpPacket]) -> list[Packet]:
    return received(rtp, H264Depacketizer(), H264Pictures())


def decoded(packets: Sequence[Packet]) -> list[bytes]:
    """Every picture's brightness, from ffmpeg's decoder; it is told to fail rather than to conceal."""
    config = next(packet for packet in packets if packet.is_config)
    context = av.CodecContext.create("h264", "r")
    context.extradata = config.payload
    context.options = {"err_detect": "explode"}
    pictures = []
    for data in [packet.payload for packet in packets if not packet.is_config] + [None]:
        for frame in context.decode(av.Packet(data) if data is not None else None):
            assert not frame.is_corrupt
            pictures.append(bytes(frame.planes[0]))
    return pictures


def frames(packets: Sequence[Packet]) -> list[tuple[int, bool]]:
    return [(packet.dts_ms, packet.is_key) for packet in packets if not packet.is_config]


def test_pictures_are_the_same_behind_rtp() -> None:
    packets = encoded()
    got = from_rtp(to_rtp(packets))
    assert frames(got) == frames(packets)
    assert sum(packet.is_key for packet in got) == 2
    assert decoded(got) == decoded(packets)
    assert len(decoded(got)) == FRAMES


def test_lengths_of_every_size_are_read() -> None:
    packets = encoded()
    config = read_avc_config(packets[0].payload)._replace(length_size=2)
    short = [Packet(packets[0].track, Codec.H264, 0, config.to_bytes(), is_config=True)]
    for packet in packets[1:]:
        payload = b"".join(len(unit).to_bytes(2, "big") + unit for unit in packet.nal_units)
        short.append(Packet(packet.track, Codec.H264, packet.dts_ms, payload, is_key=packet.is_key, length_size=2))
    assert to_rtp(short) == to_rtp(packets)


@pytest.mark.parametrize("seed", range(5))
def test_reordered_and_repeated_packets_change_nothing(seed: int) -> None:
    sent = to_rtp(encoded())
    source = random.Random(seed)
    mixed = sorted(
        [*enumerate(sent), *source.sample(list(enumerate(sent)), len(sent) // 3)],
        key=lambda one: one[0] + source.uniform(0, 8 if one[0] else 0),
    )
    mixed.insert(0, (0, sent[0]))
    assert [packet.payload for packet in from_rtp([rtp for _, rtp in mixed])] == [
        packet.payload for packet in from_rtp(sent)
    ]


def test_after_a_loss_pictures_go_on_at_the_next_key_frame() -> None:
    packets = encoded()
    sent = to_rtp(packets)
    second_key = frames(packets)[6][0]
    for lost in range(2, len(sent)):
        got = from_rtp(sent[:lost] + sent[lost + 1 :])
        missing = sent[lost].timestamp // 90
        expected = [
            (time_ms, is_key)
            for time_ms, is_key in frames(packets)
            if time_ms < missing or (time_ms >= second_key > missing)
        ]
        assert frames(got) == expected, f"packet {lost} is lost"


def test_another_size_gives_another_record() -> None:
    small = encoded()
    other = encoder.encode("libx264", frames=2, options={"bf": "0", "profile": "high", "level": "4.2"})
    bodies = BodyReader()
    tags = [tag for tag in FlvReader().feed(other) if tag.tag_type is TagType.VIDEO]
    larger = [
        packet.at(1_000 + packet.dts_ms) for tag in tags for packet in bodies.read_video(tag.body, tag.timestamp_ms)
    ]
    got = from_rtp(to_rtp([*small, *(packet for packet in larger if not packet.is_end)]))
    records = [read_avc_config(packet.payload) for packet in got if packet.is_config]
    assert [record.level for record in records][-1] == 42
    assert len(records) == 2
    assert read_avc_sps(records[1].sps[0]).width == encoder.WIDTH


def test_parameter_sets_come_together_before_every_idr_picture() -> None:
    packetizer = H264Packetizer()
    packetizer.configure([SPS], [PPS])
    payloads = packetizer.payloads([DELIMITER, SEI, IDR, FILLER])
    assert payloads == [b"\x78" + b"\0\5" + SPS + b"\0\3" + PPS, IDR]
    assert packetizer.payloads([DELIMITER, SLICE]) == [SLICE]
    assert packetizer.payloads([DELIMITER, SEI]) == []


def test_parameter_sets_between_pictures_replace_those_of_the_record() -> None:
    packetizer = H264Packetizer()
    packetizer.configure([SPS], [PPS])
    newer = SPS + b"\1"
    assert packetizer.payloads([newer, IDR])[0] == b"\x78" + b"\0\6" + newer + b"\0\3" + PPS
    assert packetizer.payloads([IDR])[0] == b"\x78" + b"\0\6" + newer + b"\0\3" + PPS


def test_a_key_frame_without_parameter_sets_is_refused() -> None:
    with pytest.raises(ParseError, match="before its parameter sets"):
        H264Packetizer().payloads([IDR])


@pytest.mark.parametrize("size", [2, MAX_PAYLOAD, MAX_PAYLOAD + 1, 2 * MAX_PAYLOAD, 100_000])
def test_units_of_every_size_pass(size: int) -> None:
    unit = bytes((0x41,)) + random.Random(size).randbytes(size - 1)
    pieces = fragments(unit)
    assert max(len(piece) for piece in pieces) <= MAX_PAYLOAD
    depacketizer = H264Depacketizer()
    ready: list[AccessUnit] = []
    for index, piece in enumerate(pieces):
        ready += depacketizer.put(RtpPacket(96, index, 7, 1, piece, index == len(pieces) - 1), False)
    assert ready == [AccessUnit(7, (unit,))]


def test_without_markers_the_next_timestamp_ends_a_picture() -> None:
    depacketizer = H264Depacketizer()
    assert depacketizer.put(RtpPacket(96, 0, 0, 1, SPS), False) == []
    assert depacketizer.put(RtpPacket(96, 1, 0, 1, IDR), False) == []
    assert depacketizer.put(RtpPacket(96, 2, 3000, 1, SLICE), False) == [AccessUnit(0, (SPS, IDR))]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\x7c\x85", "expected more than 2"),
        (b"\x7c\x05\x01", "has not begun"),
        (b"\x78", "no unit"),
        (b"\x78\x00\x05\x67", "unit of 5 bytes"),
        (b"\x78\x00\x00", "unit of 0 bytes"),
        (b"\x79\x00", "type 25"),
        (b"\x7d\x00", "type 29"),
        (b"\x60", "type 0"),
    ],
)
def test_payloads_without_sense_cost_their_picture_only(payload: bytes, reason: str) -> None:
    depacketizer = H264Depacketizer()
    with pytest.raises(ParseError, match=reason):
        depacketizer.put(RtpPacket(96, 0, 0, 1, payload), False)
    assert depacketizer.put(RtpPacket(96, 1, 0, 1, SLICE, True), False) == []
    assert depacketizer.broken == 1
    assert depacketizer.put(RtpPacket(96, 2, 9, 1, SLICE, True), False) == [AccessUnit(9, (SLICE,))]


def test_a_picture_that_never_ends_is_bounded() -> None:
    depacketizer = H264Depacketizer()
    size = 60_000
    depacketizer.put(RtpPacket(96, 0, 0, 1, b"\x7c\x85" + bytes(size)), False)
    for index in range(1, MAX_PICTURE_BYTES // size):
        depacketizer.put(RtpPacket(96, index, 0, 1, b"\x7c\x05" + bytes(size)), False)
    with pytest.raises(ParseError, match="more than"):
        depacketizer.put(RtpPacket(96, 0, 0, 1, b"\x7c\x05" + bytes(size)), False)
    assert depacketizer.put(RtpPacket(96, 0, 0, 1, b"\x7c\x45" + bytes(size), True), False) == []


def test_parameter_sets_of_any_size_are_not_taken() -> None:
    unit = AccessUnit(0, (SPS + bytes(MAX_SET_BYTES), PPS, IDR))
    with pytest.raises(ParseError, match="SPS has"):
        PicturePackets(H264Pictures()).of(unit, 0)


def test_slices_say_what_their_picture_is() -> None:
    assert read_picture([DELIMITER, SEI]) is None
    idr, p, b = (read_picture([DELIMITER, unit]) for unit in (IDR, SLICE, B_SLICE))
    assert idr is not None
    assert idr.is_idr
    assert p is not None
    assert (p.is_bidirectional, p.is_reference) == (False, True)
    assert b is not None
    assert (b.is_bidirectional, b.is_reference) == (True, False)


def test_b_pictures_of_an_encoder_are_found() -> None:
    found = [
        read_picture(packet.nal_units) for packet in encoded(**{"bf": "2", "g": "12", "x264-params": "b-adapt=0"})[1:]
    ]
    assert any(picture is not None and picture.is_bidirectional for picture in found)
    assert not any(
        picture is not None and picture.is_bidirectional
        for picture in (read_picture(packet.nal_units) for packet in encoded()[1:])
    )
    assert nal_type(IDR) == NalType.IDR
