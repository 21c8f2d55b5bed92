"""RTP packets (RFC 3550) as a peer writes and reads them, header extensions in the one-byte form (RFC 8285)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

# VP8: descriptor with the start bit, then the first byte of a key or delta frame (RFC 7741)
KEY_FRAME = b"\x10\x00\x00\x00\x9d\x01\x2a" + bytes(40)
DELTA_FRAME = b"\x10\x01" + bytes(40)


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """What a peer reads in a packet."""

    ssrc: int
    payload_type: int
    sequence_number: int
    timestamp: int
    marker: bool
    payload: bytes
    extensions: dict[int, bytes]


def rtp(
    sequence_number: int,
    payload: bytes = DELTA_FRAME,
    *,
    ssrc: int,
    payload_type: int,
    timestamp: int | None = None,
    marker: bool = False,
    extensions: dict[int, bytes] | None = None,
    padding: int = 0,
) -> bytes:
    """The bytes of a packet; ``timestamp`` is that of a frame per packet, 30 a second, unless it is given."""
    block = b"".join(bytes((number << 4 | len(value) - 1,)) + value for number, value in (extensions or {}).items())
    block += bytes(-len(block) % 4)
    head = struct.pack(
        "!BBHII",
        0x80 | (0x10 if block else 0) | (0x20 if padding else 0),
        (0x80 if marker else 0) | payload_type,
        sequence_number & 0xFFFF,
        (sequence_number * 3000 if timestamp is None else timestamp) & 0xFFFFFFFF,
        ssrc,
    )
    if block:
        head += struct.pack("!HH", 0xBEDE, len(block) // 4) + block
    return head + payload + (bytes(padding - 1) + bytes((padding,)) if padding else b"")


def parse_rtp(data: bytes) -> RtpPacket:
    """Reads a packet that the worker has sent; padding stays in the payload."""
    first, second, number, timestamp, ssrc = struct.unpack_from("!BBHII", data)
    offset = 12 + 4 * (first & 15)
    extensions: dict[int, bytes] = {}
    if first & 0x10:
        profile, words = struct.unpack_from("!HH", data, offset)
        assert profile == 0xBEDE
        at, offset = offset + 4, offset + 4 + 4 * words
        while at < offset:
            if data[at] == 0:
                at += 1
                continue
            size = (data[at] & 15) + 1
            extensions[data[at] >> 4] = data[at + 1 : at + 1 + size]
            at += 1 + size
    return RtpPacket(ssrc, second & 0x7F, number, timestamp, bool(second & 0x80), data[offset:], extensions)
