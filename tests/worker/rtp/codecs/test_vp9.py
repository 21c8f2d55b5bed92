"""VP9 payload descriptors (RFC 9628)."""

from __future__ import annotations

import pytest

# I L B V, a picture id of 15 bits, TID 1 U SID 2 D, TL0PICIDX, and a scalability structure:
# three layers with sizes, two pictures in the group (one with a reference)
STRUCTURED = bytes.fromhex("aa 8123 35 09  58 014000b4 02800168 050002d0 02 00 3401  ff")


def test_reads_every_field(parse) -> None:
    descriptor = parse("vp9", STRUCTURED)
    assert (descriptor.picture_id, descriptor.picture_id_bits, descriptor.picture_id_offset) == (0x123, 15, 1)
    assert (descriptor.temporal_layer, descriptor.switching_up) == (1, True)
    assert (descriptor.spatial_layer, descriptor.inter_layer) == (2, True)
    assert (descriptor.tl0_picture_index, descriptor.tl0_picture_index_offset) == (9, 4)
    assert (descriptor.begins_frame, descriptor.ends_frame, descriptor.inter_picture) == (True, False, False)
    assert descriptor.size == len(STRUCTURED) - 1
    assert not descriptor.is_key_frame  # it is one of its picture, not of the lowest layer


def test_key_frame_begins_in_the_lowest_layer(parse) -> None:
    assert parse("vp9", bytes.fromhex("a8 01 00 00 ff")).is_key_frame
    assert parse("vp9", bytes.fromhex("88 01 ff")).is_key_frame


@pytest.mark.parametrize(
    "data", ["a0 01 00 00 ff", "e8 01 00 00 ff", "a8 01 02 00 ff"], ids=["not its begin", "inter", "upper layer"]
)
def test_other_packets_are_no_key_frame(parse, data: str) -> None:
    assert not parse("vp9", bytes.fromhex(data)).is_key_frame


def test_flexible_mode_lists_references(parse) -> None:
    descriptor = parse("vp9", bytes.fromhex("f4 05 20 03 05 02 ff"))
    assert (descriptor.size, descriptor.temporal_layer, descriptor.tl0_picture_index) == (6, 1, -1)
    assert descriptor.ends_frame


def test_fourth_reference_is_refused(parse) -> None:
    assert parse("vp9", bytes.fromhex("f4 05 20 03 05 03 ff")) is None


def test_every_truncation_is_refused(parse) -> None:
    for data in (STRUCTURED, bytes.fromhex("f4 05 20 03 05 02 ff")):
        for size in range(len(data)):
            assert parse("vp9", data[:size]) is None
