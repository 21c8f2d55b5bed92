"""Extended reports (RFC 3611): a receiver's reference time and its echo give it the round-trip time too."""

from __future__ import annotations

from dataclasses import dataclass

from miso.worker.rtcp.wire import PacketType, make_packet, need, read32

_REFERENCE_TIME = 4  # block types
_DELAYS = 5
_MAX_DELAYS = 256
_BLOCK_HEADER_SIZE = 4
_REFERENCE_TIME_SIZE = 8
_DELAY_SIZE = 12


@dataclass(frozen=True, slots=True)
class DelaySinceLastRr:
    """The echo of a receiver's reference time (RFC 3611 section 4.5).

    Attributes:
        ssrc: Of the receiver.
        last_rr: Middle 32 bits of its reference time, 0 when none came.
        delay: Since then, in 1/65536 s.
    """

    ssrc: int
    last_rr: int
    delay: int


@dataclass(frozen=True, slots=True)
class ExtendedReport:
    """The two blocks we know; others are skipped.

    Attributes:
        ssrc: Of the sender of the report.
        reference_ntp: 64-bit NTP time of a receiver (section 4.4), or None.
        delays: At most 256 are read.
    """

    ssrc: int
    reference_ntp: int | None = None
    delays: tuple[DelaySinceLastRr, ...] = ()

    def to_bytes(self) -> bytes:
        """The packet, header included."""
        body = bytearray(self.ssrc.to_bytes(4, "big"))
        if self.reference_ntp is not None:
            body += bytes((_REFERENCE_TIME, 0, 0, _REFERENCE_TIME_SIZE // 4)) + self.reference_ntp.to_bytes(8, "big")
        if self.delays:
            body += bytes((_DELAYS, 0)) + (_DELAY_SIZE // 4 * len(self.delays)).to_bytes(2, "big")
            for entry in self.delays:
                body += entry.ssrc.to_bytes(4, "big") + entry.last_rr.to_bytes(4, "big")
                body += (entry.delay & 0xFFFFFFFF).to_bytes(4, "big")
        return make_packet(PacketType.EXTENDED_REPORT, 0, bytes(body))


def parse_extended_report(count: int, body: bytes) -> ExtendedReport:
    """Reads the body of a packet of type 207 (``count`` is reserved there).

    ::

        |     BT        | type-specific |   block length in 32-bit words - 1  | contents …

    Raises:
        ParseError: A block overruns the packet.
    """
    need(body, 4, "RTCP XR")
    reference_ntp = None
    delays: list[DelaySinceLastRr] = []
    offset = 4
    while offset < len(body):
        need(body, offset + _BLOCK_HEADER_SIZE, "RTCP XR block")
        kind = body[offset]
        start = offset + _BLOCK_HEADER_SIZE
        offset = start + 4 * int.from_bytes(body[start - 2 : start], "big")
        need(body, offset, "RTCP XR block")
        if kind == _REFERENCE_TIME:
            need(body[start:offset], _REFERENCE_TIME_SIZE, "RTCP XR reference time")
            reference_ntp = int.from_bytes(body[start : start + _REFERENCE_TIME_SIZE], "big")
        elif kind == _DELAYS:
            for entry in range(start, offset - _DELAY_SIZE + 1, _DELAY_SIZE):
                if len(delays) < _MAX_DELAYS:
                    delays.append(
                        DelaySinceLastRr(read32(body, entry), read32(body, entry + 4), read32(body, entry + 8))
                    )
    return ExtendedReport(read32(body, 0), reference_ntp, tuple(delays))
