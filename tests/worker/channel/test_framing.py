"""Frames on the pipes, however they are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miso.worker.channel.framing import MAX_BODY_SIZE, FrameReader, OversizeFrame, PairReader, frame


def test_length_stands_before_the_body_in_little_endian():
    assert frame(b"abc") == b"\x03\x00\x00\x00abc"


def test_body_beyond_the_maximum_cannot_be_framed():
    assert len(frame(bytes(MAX_BODY_SIZE))) == MAX_BODY_SIZE + 4
    with pytest.raises(ValueError, match="4194305"):
        frame(bytes(MAX_BODY_SIZE + 1))


@given(st.lists(st.binary(max_size=40), max_size=8), st.data())
def test_frames_survive_any_cut(bodies, data):
    stream = b"".join(map(frame, bodies))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    reader = FrameReader()
    came: list[bytes | OversizeFrame] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        came += reader.feed(stream[start:end])
    assert came == bodies


def test_frames_survive_byte_by_byte():
    reader = FrameReader()
    stream = frame(b"one") + frame(b"") + frame(b"three")
    assert [body for at in range(len(stream)) for body in reader.feed(stream[at : at + 1])] == [b"one", b"", b"three"]


@pytest.mark.parametrize("chunk", [1000, 65536, MAX_BODY_SIZE + 100])
def test_oversize_body_is_skipped_and_the_stream_goes_on(chunk):
    size = MAX_BODY_SIZE + 1
    stream = frame(b"before") + size.to_bytes(4, "little") + bytes(size) + frame(b"after")
    reader = FrameReader()
    came = [body for at in range(0, len(stream), chunk) for body in reader.feed(stream[at : at + chunk])]
    assert came == [b"before", OversizeFrame(size), b"after"]


def test_payload_channel_gives_pairs():
    reader = PairReader()
    stream = frame(b"header 1") + frame(b"payload 1") + frame(b"header 2") + frame(b"")
    came = [pair for at in range(0, len(stream), 5) for pair in reader.feed(stream[at : at + 5])]
    assert came == [(b"header 1", b"payload 1"), (b"header 2", b"")]


def test_oversize_payload_keeps_the_pairs_in_step():
    size = MAX_BODY_SIZE + 1
    stream = frame(b"header") + size.to_bytes(4, "little") + bytes(size) + frame(b"next") + frame(b"payload")
    assert list(PairReader().feed(stream)) == [(b"header", OversizeFrame(size)), (b"next", b"payload")]
