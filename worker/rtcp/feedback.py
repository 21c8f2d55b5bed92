"""Feedback messages: NACK (RFC 4585), PLI (RFC 4585), FIR (RFC 5104), REMB (draft-alvestrand-rmcat-remb-03).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |V=2|P|   FMT   | PT 205 or 206 |          length               |
    |                  SSRC of packet sender                        |
    |                  SSRC of media source                         |
    |            feedback control information (FCI)                 |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from miso.worker.errors import ParseError
from miso.worker.rtcp.wire import PacketType, make_packet, need, read32

NACK_FORMAT = 1
TRANSPORT_WIDE_FORMAT = 15
PLI_FORMAT = 1
FIR_FORMAT = 4
APPLICATION_FORMAT = 15  # REMB among others

MAX_NACKED = 1024  # more sequence numbers of one packet are not looked at
MAX_FIR_ENTRIES = 64
MAX_REMB_SSRCS = 255  # their count has eight bits
_HEAD_SIZE = 8
_NACK_ENTRY_SIZE = 4
_BITMASK_BITS = 16
_FIR_ENTRY_SIZE = 8
_REMB = b"REMB"
_REMB_HEAD_SIZE = 16
_MANTISSA_BITS = 18
_MANTISSA = (1 << _MANTISSA_BITS) - 1
_EXPONENT = 0x3F
_MAX_BITRATE_BITS = 63


def _head(sender_ssrc: int, media_ssrc: int) -> bytes:
    return sender_ssrc.to_bytes(4, "big") + media_ssrc.to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class Nack:
    """Asks for packets again (RFC 4585 section 6.2.1).

    Attributes:
        sender_ssrc: Of whoever asks.
        media_ssrc: Of the stream.
        sequence_numbers: In the order of the stream; at most 1024 are read from a packet.
    """

    sender_ssrc: int
    media_ssrc: int
    sequence_numbers: tuple[int, ...]

    def to_bytes(self) -> bytes:
        """The packet, header included; neighbours within 16 share an entry."""
        body = bytearray(_head(self.sender_ssrc, self.media_ssrc))
        for packet_id, bitmask in _pairs(self.sequence_numbers):
            body += packet_id.to_bytes(2, "big") + bitmask.to_bytes(2, "big")
        return make_packet(PacketType.TRANSPORT_FEEDBACK, NACK_FORMAT, bytes(body))


def _pairs(sequence_numbers: Sequence[int]) -> list[tuple[int, int]]:
    # |              PID              |             BLP               |
    pairs: list[tuple[int, int]] = []
    packet_id = bitmask = -1
    for number in sequence_numbers:
        distance = (number - packet_id) & 0xFFFF
        if bitmask >= 0 and 1 <= distance <= _BITMASK_BITS:
            bitmask |= 1 << (distance - 1)
            pairs[-1] = (packet_id, bitmask)
        else:
            packet_id, bitmask = number, 0
            pairs.append((packet_id, bitmask))
    return pairs


@dataclass(frozen=True, slots=True)
class Pli:
    """Picture loss: asks for a key frame (RFC 4585 section 6.3.1)."""

    sender_ssrc: int
    media_ssrc: int

    def to_bytes(self) -> bytes:
        """The packet, header included."""
        return make_packet(PacketType.PAYLOAD_FEEDBACK, PLI_FORMAT, _head(self.sender_ssrc, self.media_ssrc))


@dataclass(frozen=True, slots=True)
class Fir:
    """Full intra request: demands a key frame (RFC 5104 section 4.3.1).

    Attributes:
        sender_ssrc: Of whoever asks.
        media_ssrc: 0 by the RFC; some senders want the stream's.
        entries: (SSRC of the stream, sequence number of the request modulo 256) pairs, at most 64 are read.
    """

    sender_ssrc: int
    media_ssrc: int
    entries: tuple[tuple[int, int], ...]

    def to_bytes(self) -> bytes:
        """The packet, header included."""
        body = bytearray(_head(self.sender_ssrc, self.media_ssrc))
        for ssrc, number in self.entries:
            body += ssrc.to_bytes(4, "big") + bytes((number & 0xFF, 0, 0, 0))
        return make_packet(PacketType.PAYLOAD_FEEDBACK, FIR_FORMAT, bytes(body))


@dataclass(frozen=True, slots=True)
class Remb:
    """Receiver estimated maximum bitrate.

    Attributes:
        sender_ssrc: Of whoever estimates.
        bitrate_bps: Written with 18 significant bits, rounded down.
        ssrcs: The streams it is for, at most ``MAX_REMB_SSRCS``.
    """

    sender_ssrc: int
    bitrate_bps: int
    ssrcs: tuple[int, ...]

    def to_bytes(self) -> bytes:
        """The packet, header included."""
        # |  'R' 'E' 'M' 'B'  | num SSRC (8) | exponent (6) | mantissa (18) | SSRCs …
        exponent = max(0, self.bitrate_bps.bit_length() - _MANTISSA_BITS)
        number = len(self.ssrcs) << 24 | exponent << _MANTISSA_BITS | self.bitrate_bps >> exponent
        body = _head(self.sender_ssrc, 0) + _REMB + number.to_bytes(4, "big")
        body += b"".join(ssrc.to_bytes(4, "big") for ssrc in self.ssrcs)
        return make_packet(PacketType.PAYLOAD_FEEDBACK, APPLICATION_FORMAT, body)


def parse_nack(body: bytes) -> Nack:
    """Reads the body of a packet of type 205, format 1.

    Raises:
        ParseError: It has no entry, or a part of one.
    """
    need(body, _HEAD_SIZE + _NACK_ENTRY_SIZE, "RTCP NACK")
    if len(body) % _NACK_ENTRY_SIZE:
        raise ParseError(f"RTCP NACK has {len(body)} bytes, expected a multiple of {_NACK_ENTRY_SIZE}")
    numbers: list[int] = []
    for offset in range(_HEAD_SIZE, len(body), _NACK_ENTRY_SIZE):
        packet_id = int.from_bytes(body[offset : offset + 2], "big")
        bitmask = int.from_bytes(body[offset + 2 : offset + 4], "big")
        numbers.append(packet_id)
        numbers.extend((packet_id + bit + 1) & 0xFFFF for bit in range(_BITMASK_BITS) if bitmask >> bit & 1)
        if len(numbers) >= MAX_NACKED:
            break
    return Nack(read32(body, 0), read32(body, 4), tuple(numbers[:MAX_NACKED]))


def parse_pli(body: bytes) -> Pli:
    """Reads the body of a packet of type 206, format 1.

    Raises:
        ParseError: It is too short.
    """
    need(body, _HEAD_SIZE, "RTCP PLI")
    return Pli(read32(body, 0), read32(body, 4))


def parse_fir(body: bytes) -> Fir:
    """Reads the body of a packet of type 206, format 4.

    Raises:
        ParseError: It has no entry, or a part of one.
    """
    need(body, _HEAD_SIZE + _FIR_ENTRY_SIZE, "RTCP FIR")
    if len(body) % _FIR_ENTRY_SIZE:
        raise ParseError(f"RTCP FIR has {len(body)} bytes, expected a multiple of {_FIR_ENTRY_SIZE}")
    end = min(len(body), _HEAD_SIZE + _FIR_ENTRY_SIZE * MAX_FIR_ENTRIES)
    entries = tuple((read32(body, offset), body[offset + 4]) for offset in range(_HEAD_SIZE, end, _FIR_ENTRY_SIZE))
    return Fir(read32(body, 0), read32(body, 4), entries)


def parse_application_feedback(body: bytes) -> Remb | None:
    """Reads the body of a packet of type 206, format 15: a REMB, or None for an application's own.

    Raises:
        ParseError: A REMB is shorter than its list of SSRCs, or its bitrate is beyond 63 bits.
    """
    need(body, _HEAD_SIZE, "RTCP application feedback")
    if body[_HEAD_SIZE : _HEAD_SIZE + len(_REMB)] != _REMB:
        return None
    need(body, _REMB_HEAD_SIZE, "RTCP REMB")
    count = body[12]
    need(body, _REMB_HEAD_SIZE + 4 * count, f"RTCP REMB for {count} streams")
    number = read32(body, 12)
    bitrate = (number & _MANTISSA) << (number >> _MANTISSA_BITS & _EXPONENT)
    if bitrate >= 1 << _MAX_BITRATE_BITS:
        raise ParseError(f"RTCP REMB bitrate is {bitrate}, expected less than 2^{_MAX_BITRATE_BITS}")
    return Remb(read32(body, 0), bitrate, tuple(read32(body, _REMB_HEAD_SIZE + 4 * index) for index in range(count)))
