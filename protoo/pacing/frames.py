"""Where WebSocket frames begin in a stream of bytes, and how many of them one connection may send.

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-------+-+-------------+-------------------------------+
    |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
    |I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
    |N|V|V|V|       |S|             |   (if payload len==126/127)   |
    | |1|2|3|       |K|             |                               |
    +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
    |   ... then the masking key of 4 bytes if MASK is set, then the payload    (RFC 6455 section 5.2)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

_OPCODE = 0x0F
_MASK = 0x80
_LENGTH = 0x7F
_LENGTH_16 = 126
_LENGTH_64 = 127
_KEY_SIZE = 4
_HEAD_END = b"\r\n\r\n"
UNIT_BYTES = 4096
"""A frame costs one unit of a connection's allowance, and one more for each so many bytes of its payload."""


class Opcode(IntEnum):
    """The opcodes that matter here (RFC 6455 section 11.8)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """How much one connection may send before it is closed with code 1008 (policy violation).

    Attributes:
        per_s: Units per second in the long run; a frame is a unit, and each 4096 bytes of its payload another one.
        burst: Units in one go, after a silence.
        fragments: Frames of one message.
    """

    per_s: float = 500.0
    burst: float = 3_000.0
    fragments: int = 1_000


class FrameCutter:
    """Follows one direction of a connection and says where its bytes can be cut after some frames.

    It reads headers only, and trusts that the parser behind it ends the connection at the first wrong one: as long as
    that one goes on, both see the same frames.

    Attributes:
        units: What the frames have cost since somebody set it to 0.
        fragments: Frames of the message that is under way.
        close_seen: Whether a close frame has begun.
    """

    def __init__(self, *, behind_head: bool) -> None:
        """Starts at a frame, or, ``behind_head``, at the HTTP head of a handshake."""
        self.units = 0
        self.fragments = 0
        self.close_seen = False
        self._payload_left = 0
        self._part = b""  # of a header, or the last bytes of the HTTP head
        self._in_head = behind_head

    def cut(self, data: bytes, start: int, frames: int) -> tuple[int, int]:
        """Where to stop: behind at most so many headers and the payload of the last one, as far as it is there.

        Args:
            data: What came.
            start: Where in it to begin.
            frames: How many headers to pass at most; at least 1.

        Returns:
            The position to stop at, and how many headers were passed.
        """
        position = self._skip_head(data, start) if self._in_head else start
        size = len(data)
        passed = 0
        while True:
            if self._payload_left:
                step = min(self._payload_left, size - position)
                self._payload_left -= step
                position += step
            if position == size or passed == frames:
                return position, passed
            length = self._read_header(data, position)
            if length == 0:
                return size, passed
            position += length
            passed += 1

    def _skip_head(self, data: bytes, start: int) -> int:
        joined = self._part + data[start:]
        end = joined.find(_HEAD_END)
        if end < 0:
            self._part = joined[-len(_HEAD_END) + 1 :]
            return len(data)
        position = start + end + len(_HEAD_END) - len(self._part)
        self._part = b""
        self._in_head = False
        return position

    def _read_header(self, data: bytes, position: int) -> int:
        """Takes a header; returns how many bytes of it are in ``data`` from ``position``, 0 when its end is not."""
        header = self._part + data[position : position + 14 - len(self._part)]
        size = _header_size(header)
        if size == 0 or len(header) < size:
            self._part = header
            return 0
        taken = size - len(self._part)
        self._part = b""
        self._account(header, size)
        return taken

    def _account(self, header: bytes, size: int) -> None:
        length = header[1] & _LENGTH
        if length == _LENGTH_16:
            length = int.from_bytes(header[2:4])
        elif length == _LENGTH_64:
            length = int.from_bytes(header[2:10])
        self._payload_left = length
        self.units += 1 + length // UNIT_BYTES
        opcode = header[0] & _OPCODE
        if opcode == Opcode.CONTINUATION:
            self.fragments += 1
        elif opcode in (Opcode.TEXT, Opcode.BINARY):
            self.fragments = 1
        elif opcode == Opcode.CLOSE:
            self.close_seen = True


def _header_size(header: bytes) -> int:
    """The size of the header that begins here; 0 when not even that can be told yet."""
    if len(header) < 2:
        return 0
    length = header[1] & _LENGTH
    extended = 2 if length == _LENGTH_16 else 8 if length == _LENGTH_64 else 0
    return 2 + extended + (_KEY_SIZE if header[1] & _MASK else 0)


class Allowance:
    """So many units a second, and some saved up for a burst. Time is an argument, in seconds.

    Attributes:
        untouched: Whether nothing was spent ever.
    """

    def __init__(self, limits: FrameLimits, now_s: float) -> None:
        self.untouched = True
        self._per_s = limits.per_s
        self._burst = limits.burst
        self._left = limits.burst
        self._at_s = now_s

    def spend(self, units: int, now_s: float) -> bool:
        """Takes them, and tells whether they were there."""
        self.untouched = self.untouched and units == 0
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s) - units
        self._at_s = now_s
        return self._left >= 0
