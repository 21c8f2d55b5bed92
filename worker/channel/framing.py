"""Frames on the pipes: ``u32`` length in host byte order, then the body; at most 4,194,304 bytes of it.

::

    ┌────────────┬──────────────────┐
    │ length u32 │ body             │     on the payload channel a header's frame is followed by its payload's
    └────────────┴──────────────────┘

Reads may split and join frames anywhere. A longer body is skipped as it comes, never kept.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MAX_BODY_SIZE = 4_194_304
_LENGTH = struct.Struct("=I")


def frame(body: bytes) -> bytes:
    """Puts the length before a body.

    Raises:
        ValueError: The body is larger than ``MAX_BODY_SIZE`` bytes.
    """
    if len(body) > MAX_BODY_SIZE:
        raise ValueError(f"frame body has {len(body)} bytes, at most {MAX_BODY_SIZE} are allowed")
    return _LENGTH.pack(len(body)) + body


@dataclass(frozen=True, slots=True)
class OversizeFrame:
    """Stands for a frame that was skipped because its body is too large."""

    size_bytes: int


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skip = 0  # bytes of an oversize body that are still to come

    def feed(self, data: bytes) -> list[bytes | OversizeFrame]:
        """Takes the next bytes of the stream, whatever their number; gives the frames that are whole now."""
        if not self._buffer and not self._skip and len(data) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(data)
            if len(data) == _LENGTH.size + size and size <= MAX_BODY_SIZE:
                return [data[_LENGTH.size :]]  # as most come
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        self._buffer += data
        frames: list[bytes | OversizeFrame] = []
        position = 0
        while len(self._buffer) - position >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._buffer, position)
            if size > MAX_BODY_SIZE:
                position += _LENGTH.size
                skipped = min(size, len(self._buffer) - position)
                position += skipped
                self._skip = size - skipped
                frames.append(OversizeFrame(size))
                continue
            if len(self._buffer) - position < _LENGTH.size + size:
                break
            position += _LENGTH.size
            frames.append(bytes(self._buffer[position : position + size]))
            position += size
        del self._buffer[:position]
        return frames


class PairReader:
    """Cuts the payload channel's stream into pairs of header and payload.

    Either may be an ``OversizeFrame``; the pair is given whole all the same, so that the stream stays in step.
    """

    def __init__(self) -> None:
        self._reader = FrameReader()
        self._header: bytes | OversizeFrame | None = None

    def feed(self, data: bytes) -> list[tuple[bytes | OversizeFrame, bytes | OversizeFrame]]:
        """Takes the next bytes of the stream; gives the pairs that are whole now."""
        pairs: list[tuple[bytes | OversizeFrame, bytes | OversizeFrame]] = []
        for body in self._reader.feed(data):
            if self._header is None:
                self._header = body
            else:
                header, self._header = self._header, None
                pairs.append((header, body))
        return pairs
