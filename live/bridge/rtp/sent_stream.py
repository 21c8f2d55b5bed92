"""One RTP stream that is sent: its numbers, and its sender reports."""

from __future__ import annotations

import secrets

from miso.live.bridge.rtp.rtcp import SenderReport
from miso.live.bridge.rtp.rtp_packet import RtpPacket

_SEQUENCE_MASK = 0xFFFF
_TIMESTAMP_MASK = 0xFFFFFFFF


class SentStream:
    """Numbers packets. Numbers and timestamps begin at random (RFC 3550, section 5.1).

    Attributes:
        ssrc: Its name.
        rate_hz: Of its timestamps.
        packets, size_bytes: What was sent: packets, and bytes of payloads.

    Args:
        payload_type: What the payloads are.
        rate_hz: Of its timestamps.
        cname: The name that all streams of the source share.
    """

    def __init__(self, payload_type: int, rate_hz: int, cname: str) -> None:
        self.ssrc = 1 + secrets.randbelow(_TIMESTAMP_MASK)
        self.rate_hz = rate_hz
        self.packets = 0
        self.size_bytes = 0
        self._payload_type = payload_type
        self._cname = cname
        self._first_timestamp = secrets.randbits(32)
        self._sequence_number = secrets.randbits(15)

    def packet(self, payload: bytes, units: int, *, marker: bool) -> bytes:
        """The next packet.

        Args:
            payload: What it carries.
            units: Its time, in units of the clock since any moment, the same for all packets.
            marker: The last packet of a picture.
        """
        packet = RtpPacket(
            self._payload_type, self._sequence_number, self._timestamp(units), self.ssrc, payload, marker
        )
        self._sequence_number = (self._sequence_number + 1) & _SEQUENCE_MASK
        self.packets += 1
        self.size_bytes += len(payload)
        return packet.to_bytes()

    def report(self, unix_s: float, units: int) -> bytes:
        """Says which time of the clock belongs to which time of the day."""
        report = SenderReport(self.ssrc, unix_s, self._timestamp(units), self.packets, self.size_bytes)
        return report.to_bytes(self._cname)

    def _timestamp(self, units: int) -> int:
        return (self._first_timestamp + units) & _TIMESTAMP_MASK
