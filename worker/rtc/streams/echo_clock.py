"""What the other side's clock said last, to be echoed in a report block (LSR, DLSR) or extended report (LRR, DLRR)."""

from __future__ import annotations

from miso.worker.rtcp.ntp import compact_duration, compact_ntp


class EchoClock:
    """The last report of the other side, and how long it lies here.

    Attributes:
        compact_ntp: The middle 32 bits of its NTP timestamp, 0 before the first.
    """

    def __init__(self) -> None:
        self.compact_ntp = 0
        self._received_us = 0

    def take(self, ntp: int, now_us: int) -> None:
        """A report came with this 64-bit NTP timestamp."""
        self.compact_ntp = compact_ntp(ntp)
        self._received_us = now_us

    def delay(self, now_us: int) -> int:
        """How long it lies here, in 1/65536 s; 0 before the first."""
        return compact_duration(now_us - self._received_us) if self.compact_ntp else 0
