"""Datagrams on a TCP stream: each behind its 16-bit length (RFC 4571 section 2, as RFC 6544 uses it)."""

from __future__ import annotations

from worker.errors import ParseError

MAX_FRAME_SIZE = 0xFFFF


def frame(data: bytes) -> bytes:
    """One datagram with its length before it.

    Raises:
        ValueError: It has more than 65,535 bytes.
    """
    if len(data) > MAX_FRAME_SIZE:
        raise ValueError(f"RFC 4571 frame has {len(data)} bytes, expected at most {MAX_FRAME_SIZE}")
    return len(data).to_bytes(2, "big") + data


class Deframer:
    """Cuts a byte stream into datagrams, however its pieces are split or joined.

    ::

         0                   1                   2                   3
        |             LENGTH            |  RTP, RTCP, STUN, DTLS ...    |

    Args:
        max_frame_size: Longer frames break the connection; it keeps at most this many bytes and two more.
    """

    def __init__(self, max_frame_size: int = MAX_FRAME_SIZE) -> None:
        self._max_frame_size = max_frame_size
        self._buffer = bytearray()

    @property
    def buffered_size(self) -> int:
        """Bytes that wait for the rest of their frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The datagrams that are complete now; empty frames are skipped.

        Raises:
            ParseError: A frame is longer than ``max_frame_size``; the stream cannot be read any further.
        """
        buffer = self._buffer
        buffer += data
        frames: list[bytes] = []
        position = 0
        while len(buffer) - position >= 2:
            size = buffer[position] << 8 | buffer[position + 1]
            if size > self._max_frame_size:
                buffer.clear()
                raise ParseError(f"RFC 4571 frame has {size} bytes, expected at most {self._max_frame_size}")
            if len(buffer) - position - 2 < size:
                break
            if size:
                frames.append(bytes(buffer[position + 2 : position + 2 + size]))
            position += 2 + size
        del buffer[:position]
        return frames
