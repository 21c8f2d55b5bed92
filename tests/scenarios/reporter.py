"""A receiver's transport-wide feedback: every packet that carries a number is reported, every 100 ms."""

from __future__ import annotations

from miso.worker.bwe.transport_feedback import TransportFeedback
from miso.worker.rtcp.compound import Packet
from tests.scenarios.scene import Endpoint
from tests.worker.rtp.packets import RtpPacket

TRANSPORT_WIDE_CC_ID = 5
PROBATION_SSRC = 1234


class Reporter:
    """Reports for one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.probation_bytes = 0
        self._endpoint = endpoint
        self._feedback = TransportFeedback()
        endpoint.actors.append(self)

    def tick(self, now_us: int) -> None:
        """Sends what is due."""
        for report in self._feedback.poll(now_us, 1):
            self._endpoint.to_worker.send(self._endpoint.protection.protect(report, is_rtcp=True), now_us)

    def on_rtp(self, packet: RtpPacket, now_us: int) -> None:
        """Remembers when a packet came."""
        number = packet.extensions.get(TRANSPORT_WIDE_CC_ID)
        if number is not None:
            self._feedback.on_packet(int.from_bytes(number, "big"), now_us)
        if packet.ssrc == PROBATION_SSRC:
            self.probation_bytes += len(packet.payload)

    def on_rtcp(self, packet: Packet, now_us: int) -> None:
        """Nothing in there concerns it."""
