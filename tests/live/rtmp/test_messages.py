"""Short messages that are only numbers, and aggregates."""

from __future__ import annotations

import pytest

from miso.live.errors import ParseError
from miso.live.rtmp.aggregate import MAX_MESSAGES, split_aggregate
from miso.live.rtmp.chunks import ChunkReader, ChunkWriter
from miso.live.rtmp.messages import (
    BandwidthLimit,
    Message,
    MessageType,
    UserControlType,
    make_number,
    make_peer_bandwidth,
    make_user_control,
    number,
    user_control,
)

AUDIO, VIDEO = MessageType.AUDIO, MessageType.VIDEO


def tag(type_id: int, timestamp_ms: int, body: bytes, trailer: bytes | None = None) -> bytes:
    time = (timestamp_ms & 0xFFFFFF).to_bytes(3, "big") + bytes((timestamp_ms >> 24 & 0xFF,))
    end = (11 + len(body)).to_bytes(4, "big") if trailer is None else trailer
    return bytes((type_id,)) + len(body).to_bytes(3, "big") + time + bytes(3) + body + end


def test_numbers_are_read_as_they_are_made() -> None:
    assert number(make_number(MessageType.ACKNOWLEDGEMENT, 0xFFFFFFFF)) == 0xFFFFFFFF
    assert make_peer_bandwidth(2_500_000, BandwidthLimit.DYNAMIC).body == (2_500_000).to_bytes(4, "big") + b"\2"
    assert number(make_peer_bandwidth(2_500_000, BandwidthLimit.HARD)) == 2_500_000


@pytest.mark.parametrize("body", [b"", b"\0\0\1", b"\0\0\0\1\2"])
def test_a_number_of_another_length_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError, match=f"has {len(body)} bytes, expected 4"):
        number(Message(MessageType.WINDOW_ACK_SIZE, 0, body))


def test_user_control_has_as_many_numbers_as_come() -> None:
    told = user_control(make_user_control(UserControlType.SET_BUFFER_LENGTH, 1, 3000))
    assert (told.type_id, told.values) == (UserControlType.SET_BUFFER_LENGTH, (1, 3000))
    assert user_control(Message(MessageType.USER_CONTROL, 0, b"\0\7\0\0\0")).values == ()
    with pytest.raises(ParseError, match="has 1 bytes, expected at least 2"):
        user_control(Message(MessageType.USER_CONTROL, 0, b"\0"))


def test_messages_of_an_aggregate_keep_their_distance_from_its_time() -> None:
    body = tag(VIDEO, 5000, b"v0") + tag(AUDIO, 5010, b"") + tag(VIDEO, 5040, b"v1")
    parts = list(split_aggregate(Message(MessageType.AGGREGATE, 100, body, 1)))
    assert parts == [Message(VIDEO, 100, b"v0", 1), Message(AUDIO, 110, b"", 1), Message(VIDEO, 140, b"v1", 1)]


def test_an_aggregate_goes_through_four_bytes() -> None:
    body = tag(VIDEO, 2**32 - 10, b"a") + tag(VIDEO, 10, b"b")
    wire = ChunkWriter().write(Message(MessageType.AGGREGATE, 2**32 - 10, body, 1))
    assert [one.timestamp_ms for one in ChunkReader().feed(wire)] == [2**32 - 10, 2**32 + 10]


@pytest.mark.parametrize("trailer", [b"", b"\0\0\0\0", b"abcd"])
def test_the_last_length_may_be_missing_or_anything(trailer: bytes) -> None:
    parts = list(split_aggregate(Message(MessageType.AGGREGATE, 7, tag(AUDIO, 0, b"a", trailer), 1)))
    assert parts == [Message(AUDIO, 7, b"a", 1)]


@pytest.mark.parametrize("cut", range(1, 13))
def test_an_aggregate_that_is_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(ParseError, match="ends too early"):
        list(split_aggregate(Message(MessageType.AGGREGATE, 0, tag(AUDIO, 0, b"ab")[:cut], 1)))


def test_an_aggregate_of_something_else_or_of_too_many_is_refused() -> None:
    with pytest.raises(ParseError, match="type 22, expected audio"):
        list(split_aggregate(Message(MessageType.AGGREGATE, 0, tag(MessageType.AGGREGATE, 0, b""), 1)))
    with pytest.raises(ParseError, match=f"more messages than the {MAX_MESSAGES}"):
        list(split_aggregate(Message(MessageType.AGGREGATE, 0, tag(AUDIO, 0, b"") * (MAX_MESSAGES + 1), 1)))
