"""FLV: header, tags and their times, read in pieces and written."""

from __future__ import annotations

import pytest

from miso.live.errors import ParseError
from miso.live.media.amf0 import write_amf0
from miso.live.media.flv import FlvHeader, FlvReader, Tag, TagType, packet_tag, tag_header, tag_trailer, write_tag
from miso.live.media.metadata import make_metadata
from miso.live.media.packet import Codec, Kind, Packet, TrackId

HEADER = bytes.fromhex("464c5601 05 00000009 00000000")
TIMES = [0, 1, 0xFFFFFE, 0xFFFFFF, 0x1000000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


@pytest.mark.parametrize(
    ("header", "flags"),
    [
        (FlvHeader(True, True), 5),
        (FlvHeader(False, True), 1),
        (FlvHeader(True, False), 4),
        (FlvHeader(False, False), 0),
    ],
)
def test_header_says_the_truth(header: FlvHeader, flags: int) -> None:
    data = header.to_bytes()
    assert data == HEADER[:4] + bytes((flags,)) + HEADER[5:]
    reader = FlvReader()
    assert reader.feed(data) == []
    assert reader.header == header


def test_a_tag_is_what_the_specification_draws() -> None:
    assert write_tag(TagType.AUDIO, 0x12345678, b"\xaf\1x") == bytes.fromhex(
        "08 000003 345678 12 000000 af0178 0000000e"
    )


@pytest.mark.parametrize("time_ms", TIMES)
def test_times_pass_through_24_and_31_bits(time_ms: int) -> None:
    assert FlvReader().feed(HEADER + write_tag(TagType.VIDEO, time_ms, b"x")) == [Tag(TagType.VIDEO, time_ms, b"x")]


def test_times_beyond_32_bits_are_written_in_32() -> None:
    assert tag_header(TagType.VIDEO, 0, 1 << 32 | 5) == tag_header(TagType.VIDEO, 0, 5)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_pieces_of_any_size_give_the_same_tags(size: int) -> None:
    tags = [Tag(TagType.SCRIPT, 0, b""), Tag(TagType.VIDEO, 5, bytes(300)), Tag(TagType.AUDIO, 6, b"\xaf\1x")]
    data = HEADER + b"".join(write_tag(tag.tag_type, tag.timestamp_ms, tag.body) for tag in tags)
    reader = FlvReader()
    got = [tag for start in range(0, len(data), size) for tag in reader.feed(data[start : start + size])]
    assert got == tags
    assert reader.buffered_bytes == 0


def test_a_longer_header_and_wrong_sizes_behind_tags_are_passed_over() -> None:
    longer = HEADER[:5] + bytes.fromhex("0000000b ffff 00000000")
    tag = write_tag(TagType.AUDIO, 1, b"x")[:-4] + b"\xff\xff\xff\xff"
    assert len(FlvReader().feed(longer + tag + tag)) == 2


def test_tags_of_unknown_types_are_left_out() -> None:
    unknown = b"\x0f" + write_tag(TagType.AUDIO, 1, b"x")[1:]
    assert [tag.timestamp_ms for tag in FlvReader().feed(HEADER + unknown + write_tag(TagType.AUDIO, 2, b"y"))] == [2]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"FLA", "begins with b'FLA'"),
        (b"G", "begins with b'G'"),
        (b"FLV\2\5\0\0\0\x09", "version is 2, expected 1"),
        (b"FLV\1\5\0\0\0\x08", "begins at 8"),
        (b"FLV\1\5\xff\0\0\x09", "begins at 4278190089"),
        (HEADER + b"\x29" + bytes(10), "begins with 0x29, expected one not encrypted"),
        (HEADER + b"\x09\xff\xff\xff" + bytes(7), "has 16777215 bytes, expected at most 10485760"),
    ],
)
def test_what_is_no_flv_is_refused(data: bytes, text: str) -> None:
    with pytest.raises(ParseError, match=text):
        FlvReader().feed(data)


def test_a_bound_of_the_callers_is_kept() -> None:
    assert FlvReader(max_body_size=3).feed(HEADER + write_tag(TagType.AUDIO, 0, b"abc"))
    with pytest.raises(ParseError, match="has 4 bytes, expected at most 3"):
        FlvReader(max_body_size=3).feed(HEADER + write_tag(TagType.AUDIO, 0, b"abcd"))


def test_a_body_that_a_tag_cannot_say_is_not_written() -> None:
    with pytest.raises(ValueError, match="16777216 bytes"):
        tag_header(TagType.VIDEO, 1 << 24, 0)


def test_a_packet_is_written_as_the_tag_of_its_kind() -> None:
    packet = Packet(TrackId(Kind.AUDIO), Codec.AAC, 7, b"raw", is_key=True)
    body = b"\xaf\1raw"
    assert packet_tag(packet) == tag_header(TagType.AUDIO, len(body), 7) + body + tag_trailer(len(body))
    text = Packet(TrackId(Kind.DATA), None, 9, write_amf0("onTextData", {"text": "x"}))
    assert FlvReader().feed(HEADER + packet_tag(text)) == [Tag(TagType.SCRIPT, 9, text.payload)]


def test_metadata_has_the_time_0_whenever_it_is_sent() -> None:
    metadata = Packet(TrackId(Kind.DATA), None, 5_000, make_metadata([]))
    assert FlvReader().feed(HEADER + packet_tag(metadata)) == [Tag(TagType.SCRIPT, 0, metadata.payload)]
