"""VP8 payload descriptors (RFC 7741)."""

from __future__ import annotations

import pytest

# X S, then I L T K, a picture id of 15 bits, TL0PICIDX, TID 2 with Y, and the first byte of a key frame
FULL = bytes.fromhex("90 f0 9234 07 a5 00")


def test_reads_every_field(parse) -> None:
    descriptor = parse("vp8", FULL)
    assert (descriptor.picture_id, descriptor.picture_id_bits, descriptor.picture_id_offset) == (0x1234, 15, 2)
    assert (descriptor.tl0_picture_index, descriptor.tl0_picture_index_offset) == (7, 4)
    assert (descriptor.temporal_layer, descriptor.switching_up) == (2, True)
    assert (descriptor.begins_frame, descriptor.is_key_frame, descriptor.size) == (True, True, 6)
    assert not descriptor.discardable


def test_short_picture_id(parse) -> None:
    descriptor = parse("vp8", bytes.fromhex("b0 80 7f 01"))
    assert (descriptor.picture_id, descriptor.picture_id_bits, descriptor.size) == (0x7F, 7, 3)
    assert (descriptor.discardable, descriptor.is_key_frame, descriptor.temporal_layer) == (True, False, -1)


def test_one_byte_descriptor(parse) -> None:
    descriptor = parse("vp8", bytes.fromhex("10 00"))
    assert (descriptor.is_key_frame, descriptor.picture_id, descriptor.size) == (True, -1, 1)


def test_key_index_alone_says_nothing_of_layers(parse) -> None:
    descriptor = parse("vp8", bytes.fromhex("90 10 e5 00"))
    assert (descriptor.temporal_layer, descriptor.switching_up, descriptor.size) == (-1, False, 3)


@pytest.mark.parametrize(
    "data",
    ["00 00", "11 00", "10 01"],
    ids=["continuation", "later partition", "inter frame"],
)
def test_only_the_first_packet_of_a_key_frame_is_one(parse, data: str) -> None:
    assert not parse("vp8", bytes.fromhex(data)).is_key_frame


def test_every_truncation_is_refused(parse) -> None:
    for size in range(len(FULL)):
        assert parse("vp8", FULL[:size]) is None
    for size in range(3):
        assert parse("vp8", bytes.fromhex("9080 ff")[:size]) is None
