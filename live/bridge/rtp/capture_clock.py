"""When the moment was that an RTP timestamp stands for: one clock for all streams of a sender, by its reports."""

from __future__ import annotations

from miso.live.bridge.rtp.rtcp import SenderReport
from miso.live.bridge.rtp.rtp_packet import unwrapped

_TIMESTAMP_BITS = 32


class CaptureClock:
    """Of one stream.

    Attributes:
        is_known: Whether anything was reported, or assumed.

    Args:
        rate_hz: Of its timestamps.
    """

    def __init__(self, rate_hz: int) -> None:
        self.is_known = False
        self._rate_hz = rate_hz
        self._timestamp = 0
        self._unix_s = 0.0

    def report(self, report: SenderReport) -> None:
        """Its sender says what time a timestamp stands for."""
        self._set(report.timestamp, report.unix_s)

    def assume(self, timestamp: int, unix_s: float) -> None:
        """Nothing was reported: what has come now counts as captured now."""
        self._set(timestamp, unix_s)

    def captured_ms(self, timestamp: int) -> int:
        """Milliseconds since 1970 by the sender's clock; call it only when that is known."""
        assert self.is_known
        elapsed = unwrapped(timestamp, self._timestamp, _TIMESTAMP_BITS) - self._timestamp
        return round(1_000 * (self._unix_s + elapsed / self._rate_hz))

    def _set(self, timestamp: int, unix_s: float) -> None:
        self._timestamp, self._unix_s, self.is_known = timestamp, unix_s, True
