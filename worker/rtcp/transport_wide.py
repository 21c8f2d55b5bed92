"""Transport-wide congestion control feedback as it is received (draft-holmer-rmcat-transport-wide-cc-extensions-01).

``worker.bwe.transport_feedback`` builds it.
"""

from __future__ import annotations

from dataclasses import dataclass

from worker.errors import ParseError
from worker.rtcp.wire import need, read32

_FIXED_SIZE = 16
_NOT_RECEIVED, _SMALL_DELTA, _LARGE_DELTA = 0, 1, 2


@dataclass(frozen=True, slots=True)
class TransportWideFeedback:
    """What a receiver got of our packets, and when.

    Attributes:
        sender_ssrc: of the receiver.
        media_ssrc: a stream's.
        base_sequence: first transport-wide sequence number that is reported on.
        status_count: how many are; those not among ``arrivals`` did not arrive.
        feedback_count: of this packet, modulo 256.
        arrivals: (sequence number 0 to 65535, arrival in the receiver's time in units of 250 µs), in the order of the
            numbers. The time is that of a 24-bit clock of 64 ms units, signed, plus the deltas.
    """

    sender_ssrc: int
    media_ssrc: int
    base_sequence: int
    status_count: int
    feedback_count: int
    arrivals: tuple[tuple[int, int], ...]


def parse_transport_wide(body: bytes) -> TransportWideFeedback:
    """Reads the body of a packet of type 205, format 15.

    Work and result are bounded by the packet's size: runs of missing packets are skipped, each arrival has its bytes.

    Raises:
        ParseError: chunks or deltas overrun the packet, or a status symbol is reserved.
    """
    need(body, _FIXED_SIZE, "RTCP transport-wide feedback")
    base = int.from_bytes(body[8:10], "big")
    status_count = int.from_bytes(body[10:12], "big")
    if status_count == 0:
        raise ParseError("RTCP transport-wide feedback has no status")
    offset, received = _parse_chunks(body, status_count)
    now = int.from_bytes(body[12:15], "big", signed=True) << 8
    arrivals = []
    for position, symbol in received:
        need(body, offset + symbol, "RTCP transport-wide delta")
        now += int.from_bytes(body[offset : offset + symbol], "big", signed=symbol == _LARGE_DELTA)
        offset += symbol  # one byte for a small delta, two for a large one
        arrivals.append(((base + position) & 0xFFFF, now))
    return TransportWideFeedback(read32(body, 0), read32(body, 4), base, status_count, body[15], tuple(arrivals))


def _parse_chunks(body: bytes, status_count: int) -> tuple[int, list[tuple[int, int]]]:
    received: list[tuple[int, int]] = []
    offset = _FIXED_SIZE
    position = 0
    while position < status_count:
        need(body, offset + 2, "RTCP transport-wide chunk")
        chunk = int.from_bytes(body[offset : offset + 2], "big")
        offset += 2
        if chunk >> 15 == 0:  # |0| S |       Run Length        |
            symbol, run = chunk >> 13 & 3, chunk & 0x1FFF
            if run == 0:
                raise ParseError("RTCP transport-wide run length is 0")
            run = min(run, status_count - position)
            if symbol != _NOT_RECEIVED:
                need(body, offset + len(received) + run, "RTCP transport-wide deltas")
                received.extend((position + index, _checked(symbol)) for index in range(run))
            position += run
            continue
        # |1|0|  14 symbols of one bit   |   |1|1|  7 symbols of two bits   |
        bits = 2 if chunk >> 14 & 1 else 1
        count = min(14 // bits, status_count - position)
        for index in range(count):
            symbol = chunk >> (14 - bits * (index + 1)) & (3 if bits == 2 else 1)
            if symbol != _NOT_RECEIVED:
                received.append((position + index, _checked(symbol)))
        position += count
    return offset, received


def _checked(symbol: int) -> int:
    if symbol > _LARGE_DELTA:
        raise ParseError(f"RTCP transport-wide status symbol is {symbol}, expected 0 to 2")
    return symbol
