"""RFC 4571 framing: the same bytes in pieces give the same datagrams."""

from __future__ import annotations

from worker.ice.framing import Deframer, frame

SEEDS = [frame(b"x" * 20) + frame(b"") + frame(b"y" * 1400), b"\x00", b"\xff\xff" + bytes(100)]


def run(data: bytes) -> None:
    """Raises ParseError for a frame beyond the limit."""
    whole = Deframer().feed(data)
    pieces = Deframer()
    parts: list[bytes] = []
    for start in range(0, len(data), 7):
        parts += pieces.feed(data[start : start + 7])
    assert parts == whole
    assert pieces.buffered_size <= 65_537
    Deframer(max_frame_size=2048).feed(data)
