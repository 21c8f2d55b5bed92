"""RFC 4571 framing, split and joined in every way."""

from __future__ import annotations

import pytest

from worker.errors import ParseError
from worker.ice.framing import Deframer, frame

DATAGRAMS = [b"a", b"bc" * 700, b"", b"d" * 65535, b"e"]


@pytest.mark.parametrize("piece_size", [1, 2, 3, 1000, 70000, 1 << 20])
def test_datagrams_come_out_however_the_stream_is_cut(piece_size: int) -> None:
    stream = b"".join(frame(datagram) for datagram in DATAGRAMS)
    deframer = Deframer()
    received = [
        datagram
        for start in range(0, len(stream), piece_size)
        for datagram in deframer.feed(stream[start : start + piece_size])
    ]
    assert received == [datagram for datagram in DATAGRAMS if datagram]
    assert deframer.buffered_size == 0


def test_every_truncation_waits_for_the_rest() -> None:
    framed = frame(b"twelve bytes")
    for size in range(len(framed)):
        deframer = Deframer()
        assert deframer.feed(framed[:size]) == []
        assert deframer.buffered_size == size
        assert deframer.feed(framed[size:]) == [b"twelve bytes"]


def test_a_frame_beyond_the_limit_breaks_the_stream() -> None:
    deframer = Deframer(max_frame_size=1500)
    assert deframer.feed(frame(bytes(1500))) == [bytes(1500)]
    with pytest.raises(ParseError, match="1501 bytes, expected at most 1500"):
        deframer.feed(frame(bytes(1501))[:2])


def test_too_long_a_datagram_is_not_framed() -> None:
    with pytest.raises(ValueError, match="65536"):
        frame(bytes(65536))
