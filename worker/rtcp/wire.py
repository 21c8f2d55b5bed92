"""The common header of every RTCP packet (RFC 3550 section 6.4.1), and bytes cut to its shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from miso.worker.errors import ParseError

HEADER_SIZE = 4
_VERSION = 2
_PADDING = 0x20  # bits of the first byte
_COUNT = 0x1F
MAX_PACKETS = 128  # of one compound packet: a datagram holds more only when somebody wants to keep us busy


class PacketType(IntEnum):
    """RTCP packet types (https://www.iana.org/assignments/rtp-parameters)."""

    SENDER_REPORT = 200
    RECEIVER_REPORT = 201
    SOURCE_DESCRIPTION = 202
    GOODBYE = 203
    APPLICATION_DEFINED = 204
    TRANSPORT_FEEDBACK = 205
    PAYLOAD_FEEDBACK = 206
    EXTENDED_REPORT = 207


@dataclass(frozen=True, slots=True)
class RawPacket:
    """One packet of a compound.

    Attributes:
        packet_type: 0 to 255, known or not.
        count: The five bits after version and padding: a number of entries, or a feedback format.
        body: What follows the four bytes of the header, without padding.
    """

    packet_type: int
    count: int
    body: bytes


def split_compound(data: bytes) -> Iterator[RawPacket | ParseError]:
    """Cuts a compound packet, reduced size (RFC 5506) or not; gives an error for a packet whose padding is wrong.

    ::

         0                   1                   2                   3
         0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |V=2|P|  count  |  packet type  |  length in 32-bit words - 1   |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

    Raises:
        ParseError: A packet overruns the data, its version is not 2, or there are more than 128.
    """
    offset = 0
    packets = 0
    if not data:
        raise ParseError("RTCP packet is empty")
    while offset < len(data):
        packets += 1
        if packets > MAX_PACKETS:
            raise ParseError(f"RTCP compound has more than {MAX_PACKETS} packets")
        if offset + HEADER_SIZE > len(data):
            raise ParseError(f"RTCP header is cut: have {len(data) - offset} bytes, need {HEADER_SIZE}")
        first = data[offset]
        if first >> 6 != _VERSION:
            raise ParseError(f"RTCP version is {first >> 6}, expected {_VERSION}")
        size = 4 * int.from_bytes(data[offset + 2 : offset + 4], "big") + HEADER_SIZE
        end = offset + size
        if end > len(data):
            raise ParseError(f"RTCP packet overruns the data: have {len(data) - offset} bytes, need {size}")
        body_end = end
        if first & _PADDING:
            padding = data[end - 1]
            if padding == 0 or padding > size - HEADER_SIZE:
                yield ParseError(f"RTCP padding is {padding}, expected 1 to {size - HEADER_SIZE}")
                offset = end
                continue
            body_end -= padding
        yield RawPacket(data[offset + 1], first & _COUNT, data[offset + HEADER_SIZE : body_end])
        offset = end


def need(body: bytes, size: int, what: str) -> None:
    """Raises ParseError when ``body`` has fewer than ``size`` bytes."""
    if len(body) < size:
        raise ParseError(f"{what} is cut: have {len(body)} bytes, need {size}")


def read32(body: bytes, offset: int) -> int:
    """Four bytes as an unsigned number."""
    return int.from_bytes(body[offset : offset + 4], "big")


def make_packet(packet_type: PacketType, count: int, body: bytes) -> bytes:
    """Puts the header before a body, which is filled up with zeros to 32 bits."""
    body += bytes(-len(body) & 3)
    return bytes((_VERSION << 6 | count, packet_type)) + (len(body) // 4).to_bytes(2, "big") + body
