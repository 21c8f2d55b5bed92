"""One RTP stream that comes out of a room: its packets in order, each with the time at which it was captured."""

from __future__ import annotations

from typing import Final, NamedTuple

from miso.live.bridge.rtp.capture_clock import CaptureClock
from miso.live.bridge.rtp.reordering import Ordered, Reordering
from miso.live.bridge.rtp.rtcp import SenderReport
from miso.live.bridge.rtp.rtp_packet import RtpPacket

REPORT_WAIT_S: Final = 1.5
"""So long after its first packet a stream waits for a sender report. A worker sends one within 0.6 s; without it,
the time of arrival counts, and sound and picture may be apart by what they spend on the way."""
MAX_HELD: Final = 4_096
"""Packets that wait for a sender report; beyond it the stream waits no more."""

MAX_OFF_MS: Final = 10_000
"""What was captured so long before or after it came was not: its sender's clock leaps, and the time of arrival counts.
Players would be led as far ahead."""


class Timed(NamedTuple):
    """A packet in its turn.

    Attributes:
        packet: The packet.
        is_after_gap: Something before it is lost.
        time_ms: When it was captured, in milliseconds since 1970.
    """

    packet: RtpPacket
    is_after_gap: bool
    time_ms: int


class ReceivedStream:
    """One stream.

    Args:
        rate_hz: Of its timestamps.
    """

    def __init__(self, rate_hz: int) -> None:
        self._clock = CaptureClock(rate_hz)
        self._order = Reordering()
        self._held: list[Ordered] = []
        self._first_s: float | None = None

    @property
    def lost(self) -> int:
        """Packets that never came."""
        return self._order.lost

    def report(self, report: SenderReport) -> None:
        """What its sender says of its clock."""
        self._clock.report(report)

    def put(self, packet: RtpPacket, now_s: float, unix_s: float) -> list[Timed]:
        """Takes a packet in.

        Args:
            packet: The packet.
            now_s: The time, by a clock that does not go back.
            unix_s: Unix time.

        Returns:
            The packets whose turn it is.
        """
        if self._first_s is None:
            self._first_s = now_s
        self._held += self._order.put(packet, now_s)
        return self._release(now_s, unix_s)

    def due(self, now_s: float, unix_s: float) -> list[Timed]:
        """The packets that have waited long enough."""
        self._held += self._order.due(now_s)
        return self._release(now_s, unix_s)

    def _release(self, now_s: float, unix_s: float) -> list[Timed]:
        if not self._held:
            return []
        if not self._clock.is_known:
            assert self._first_s is not None
            if now_s - self._first_s < REPORT_WAIT_S and len(self._held) < MAX_HELD:
                return []
            self._clock.assume(self._held[-1].packet.timestamp, unix_s)
        held, self._held = self._held, []
        return [Timed(*one, self._captured_ms(one.packet.timestamp, unix_s)) for one in held]

    def _captured_ms(self, timestamp: int, unix_s: float) -> int:
        time_ms = self._clock.captured_ms(timestamp)
        if abs(time_ms - 1_000 * unix_s) <= MAX_OFF_MS:
            return time_ms
        self._clock.assume(timestamp, unix_s)
        return self._clock.captured_ms(timestamp)
