"""The chunk stream: any cut of the bytes gives the same messages, whatever headers and timestamps the sender chose."""

from __future__ import annotations

import itertools
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miso.live.errors import ParseError
from miso.live.rtmp.chunks import MAX_CHUNK_SIZE, ChunkLimits, ChunkReader, ChunkWriter
from miso.live.rtmp.messages import Message, MessageType

VIDEO, AUDIO, COMMAND = MessageType.VIDEO, MessageType.AUDIO, MessageType.COMMAND


def full(chunk_stream_id: int, timestamp_ms: int, length: int, type_id: int, stream_id: int = 1) -> bytes:
    """A header of type 0, with the extended timestamp where it is needed."""
    field = min(timestamp_ms, 0xFFFFFF).to_bytes(3, "big")
    extended = timestamp_ms.to_bytes(4, "big") if timestamp_ms >= 0xFFFFFF else b""
    described = length.to_bytes(3, "big") + bytes((type_id,)) + stream_id.to_bytes(4, "little")
    return bytes((chunk_stream_id,)) + field + described + extended


def read(data: bytes, *, limits: ChunkLimits | None = None) -> list[Message]:
    return ChunkReader(limits).feed(data)


messages = st.lists(
    st.builds(
        Message,
        type_id=st.sampled_from([AUDIO, VIDEO, MessageType.DATA, COMMAND]),
        timestamp_ms=st.integers(0, 2**31 - 1),
        body=st.binary(max_size=700),
        stream_id=st.integers(1, 3),
    ),
    max_size=12,
)


@given(messages, st.integers(1, 300), st.data())
def test_what_is_written_is_read_however_it_is_cut(sent: list[Message], chunk_size: int, data: st.DataObject) -> None:
    writer, reader = ChunkWriter(), ChunkReader()
    wire = writer.set_chunk_size(chunk_size) + b"".join(writer.write(message) for message in sent)
    cuts = sorted({0, len(wire), *data.draw(st.lists(st.integers(0, len(wire)), max_size=20))})
    got = [message for start, end in itertools.pairwise(cuts) for message in reader.feed(wire[start:end])]
    assert [(one.type_id, one.body, one.stream_id) for one in got] == [
        (one.type_id, one.body, one.stream_id) for one in sent
    ]
    assert [one.timestamp_ms % 2**32 for one in got] == [one.timestamp_ms for one in sent]


def test_a_byte_at_a_time_gives_the_same() -> None:
    writer = ChunkWriter()
    wire = b"".join(writer.write(Message(VIDEO, 0xFFFFFF + at, bytes(300), 1)) for at in range(3))
    reader = ChunkReader()
    got = [message for at in range(len(wire)) for message in reader.feed(wire[at : at + 1])]
    assert got == read(wire)
    assert [message.timestamp_ms for message in got] == [0xFFFFFF, 0x1000000, 0x1000001]


@pytest.mark.parametrize(
    ("basic", "chunk_stream_id"),
    [
        (b"\x03", 3),
        (b"\x3f", 63),
        (b"\x00\x00", 64),
        (b"\x00\xff", 319),
        (b"\x01\x00\x01", 320),
        (b"\x01\xff\xff", 65599),
    ],
)
def test_chunk_stream_ids_of_one_to_three_bytes(basic: bytes, chunk_stream_id: int) -> None:
    """Which id it is shows in Abort, that names it (5.3.1.1)."""
    begun = basic + full(0, 0, 200, VIDEO)[1:] + bytes(128)
    abort = full(2, 0, 4, MessageType.ABORT, 0) + chunk_stream_id.to_bytes(4, "big")
    whole = basic + full(0, 7, 2, VIDEO)[1:] + b"ab"
    assert read(begun + abort + whole) == [Message(VIDEO, 7, b"ab", 1)]


def test_an_abort_gives_up_the_message_of_its_chunk_stream_only() -> None:
    abort = full(2, 0, 4, MessageType.ABORT, 0) + (4).to_bytes(4, "big")
    wire = full(4, 5, 200, AUDIO) + b"a" * 128 + full(6, 6, 200, VIDEO) + b"v" * 128 + abort + b"\xc6" + b"v" * 72
    assert read(wire + full(4, 9, 1, AUDIO) + b"n") == [Message(VIDEO, 6, b"v" * 200, 1), Message(AUDIO, 9, b"n", 1)]


def test_deltas_add_up_and_a_message_without_a_header_repeats_the_last() -> None:
    wire = full(4, 1000, 1, AUDIO) + b"0"
    wire += b"\x44" + (20).to_bytes(3, "big") + (1).to_bytes(3, "big") + bytes((AUDIO,)) + b"1"
    wire += b"\x84" + (23).to_bytes(3, "big") + b"2"
    wire += b"\xc4" + b"3"
    assert [(one.timestamp_ms, one.body) for one in read(wire)] == [
        (1000, b"0"), (1020, b"1"), (1043, b"2"), (1066, b"3")
    ]  # fmt: skip


def test_a_message_without_a_header_after_a_full_one_takes_its_time_for_the_delta() -> None:
    """As RTMP 1.0, 5.3.1.2.4 has it, and Flash Media Encoder sends it."""
    assert [one.timestamp_ms for one in read(full(4, 40, 1, AUDIO) + b"0" + b"\xc41" + b"\xc42")] == [40, 80, 120]


def test_an_extended_delta_is_a_delta() -> None:
    delta = b"\x84\xff\xff\xff" + (0x1000000).to_bytes(4, "big")
    assert [one.timestamp_ms for one in read(full(4, 5, 1, AUDIO) + b"0" + delta + b"1")] == [5, 0x1000005]


@pytest.mark.parametrize("is_repeated", [True, False])
@pytest.mark.parametrize("timestamp_ms", [0xFFFFFF, 0x1000000, 0xFFFFFFFF])
def test_the_extended_timestamp_may_stand_in_the_chunks_that_follow_or_not(
    *, is_repeated: bool, timestamp_ms: int
) -> None:
    body = bytes(range(256)) + b"end"
    repeated = timestamp_ms.to_bytes(4, "big") if is_repeated else b""
    wire = full(6, timestamp_ms, len(body), VIDEO)
    wire += body[:128] + b"\xc6" + repeated + body[128:256] + b"\xc6" + repeated + body[256:]
    expected = [Message(VIDEO, timestamp_ms, body, 1)]
    assert read(wire) == expected
    reader = ChunkReader()
    assert [message for at in range(len(wire)) for message in reader.feed(wire[at : at + 1])] == expected


def test_timestamps_go_on_through_four_bytes() -> None:
    """After 49.7 days, with sound and pictures interleaved (and out of order by a little)."""
    times = [2**32 - 60, 2**32 - 40, 2**32 - 50, 2**32 - 20, 2**32 + 3, 2**32 - 7, 2**32 + 20]
    wire = b"".join(
        full(4 + 2 * (at % 2), time_ms % 2**32, 1, (AUDIO, VIDEO)[at % 2]) + b"x" for at, time_ms in enumerate(times)
    )
    assert [one.timestamp_ms for one in read(wire)] == times


def test_metadata_of_time_zero_does_not_move_the_time() -> None:
    wire = full(6, 2**32 - 5, 1, VIDEO) + b"v" + full(5, 0, 1, MessageType.DATA) + b"m" + full(6, 3, 1, VIDEO) + b"v"
    assert [one.timestamp_ms for one in read(wire) if one.type_id == VIDEO] == [2**32 - 5, 2**32 + 3]


def test_silence_of_no_bytes_is_a_message() -> None:
    assert read(full(4, 5, 0, AUDIO) + full(4, 25, 2, AUDIO) + b"ab") == [
        Message(AUDIO, 5, b"", 1),
        Message(AUDIO, 25, b"ab", 1),
    ]


def test_librtmp_begins_a_chunk_stream_without_naming_the_message_stream() -> None:
    ping = b"\x42" + bytes(3) + (6).to_bytes(3, "big") + bytes((MessageType.USER_CONTROL,)) + b"\0\7\0\0\0\1"
    assert read(ping) == [Message(MessageType.USER_CONTROL, 0, b"\0\7\0\0\0\1", 0)]


def test_a_new_header_in_the_middle_gives_the_message_up() -> None:
    assert read(full(6, 1, 200, VIDEO) + bytes(128) + full(6, 2, 1, VIDEO) + b"n") == [Message(VIDEO, 2, b"n", 1)]


@pytest.mark.parametrize("size", [0, MAX_CHUNK_SIZE + 1, 0x80000000])
def test_a_chunk_size_out_of_range_is_refused(size: int) -> None:
    with pytest.raises(ParseError, match=f"chunk size is {size}"):
        read(full(2, 0, 4, MessageType.SET_CHUNK_SIZE, 0) + size.to_bytes(4, "big"))


@pytest.mark.parametrize("header", [b"\xc4", b"\x84\0\0\1"])
def test_a_chunk_stream_cannot_begin_with_what_is_left_out(header: bytes) -> None:
    with pytest.raises(ParseError, match="chunk stream 4 begins"):
        read(header + bytes(8))


def test_lengths_and_numbers_are_bounded() -> None:
    with pytest.raises(ParseError, match="at most 1000"):
        read(full(6, 0, 1001, VIDEO), limits=ChunkLimits(message_bytes=1000))
    with pytest.raises(ParseError, match="at most 100"):
        read(full(3, 0, 101, COMMAND), limits=ChunkLimits(command_bytes=100))
    with pytest.raises(ParseError, match="3 chunk streams"):
        read(b"".join(full(at, 0, 0, VIDEO) for at in range(3, 7)), limits=ChunkLimits(chunk_streams=3))
    begun = b"".join(full(at, 0, 1000, VIDEO) + bytes(128) for at in range(3, 10))
    with pytest.raises(ParseError, match="not ended"):
        read(begun, limits=ChunkLimits(partial_bytes=500))


def test_what_is_announced_takes_no_room_before_it_comes() -> None:
    reader = ChunkReader()
    tracemalloc.start()
    for at in range(3, 63):
        reader.feed(full(at, 0, 10 * 1024 * 1024, VIDEO) + b"x")
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept_bytes < 100_000


def test_two_hundred_megabits_take_a_small_part_of_a_core() -> None:
    """In chunks of 4096 bytes, as OBS sends them, read in pieces of 64 KB: 25 MB in less than a second of CPU."""
    writer = ChunkWriter()
    wire = writer.set_chunk_size(4096) + b"".join(
        writer.write(Message(VIDEO, at, bytes(100_000), 1)) for at in range(250)
    )
    reader = ChunkReader()
    began = time.process_time()
    count = sum(len(reader.feed(wire[at : at + 65536])) for at in range(0, len(wire), 65536))
    assert count == 250
    assert time.process_time() - began < 1.0


def test_one_large_message_in_small_pieces_is_not_copied_again_and_again() -> None:
    """CPU grows with the bytes, not with their square: 8 MB in pieces of 1 KB."""
    writer = ChunkWriter()
    wire = writer.write(Message(VIDEO, 0, bytes(8_000_000), 1))
    reader = ChunkReader()
    began = time.process_time()
    assert sum(len(reader.feed(wire[at : at + 1024])) for at in range(0, len(wire), 1024)) == 1
    assert time.process_time() - began < 2.0


@pytest.mark.parametrize("basic", [b"\x06", b"\x00\x10", b"\x01\x10\x10"])
@pytest.mark.parametrize("timestamp_ms", [7, 0x1234567])
@given(cuts=st.lists(st.integers(0, 3000), max_size=6))
def test_many_small_chunks_give_the_same_in_a_row_and_cut(basic: bytes, timestamp_ms: int, cuts: list[int]) -> None:
    """Of every length of header, with the time repeated in each."""
    body = bytes(at % 251 for at in range(1500))
    repeated = bytes((basic[0] | 0xC0,)) + basic[1:] + (timestamp_ms.to_bytes(4, "big") if timestamp_ms > 7 else b"")
    wire = basic + full(0, timestamp_ms, len(body), VIDEO)[1:]
    wire += repeated.join(body[at : at + 128] for at in range(0, len(body), 128))
    reader = ChunkReader()
    edges = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    got = [message for start, end in itertools.pairwise(edges) for message in reader.feed(wire[start:end])]
    assert got == [Message(VIDEO, timestamp_ms, body, 1)]


def test_chunks_of_one_byte_by_turns_do_not_cost_the_square_of_what_comes() -> None:
    """Two messages, a byte of each by turns: 1 MB in one piece."""
    size = 250_000
    wire = full(2, 0, 4, MessageType.SET_CHUNK_SIZE, 0) + b"\0\0\0\1"
    wire += full(4, 0, size, VIDEO) + b"a" + full(6, 0, size, VIDEO) + b"b" + b"\xc4a\xc4a\xc6b\xc6b" * (size // 2 - 1)
    began = time.process_time()
    assert [len(message.body) for message in read(wire + b"\xc4a\xc6b")] == [size, size]
    assert time.process_time() - began < 5.0


def test_control_messages_are_bounded_like_commands() -> None:
    with pytest.raises(ParseError, match="at most 100"):
        read(full(2, 0, 101, MessageType.USER_CONTROL, 0), limits=ChunkLimits(command_bytes=100))
