# cython: language_level=3, annotation_typing=False
"""The retransmission timeout (RFC 9260 section 6.3.1)."""

from __future__ import annotations

INITIAL_US = 1_000_000
MIN_US = 400_000  # RFC 9260 recommends a second; libwebrtc's SCTP takes this, above its delayed SACK of 200 ms
MAX_US = 60_000_000
CLOCK_GRANULARITY_US = 1_000
MIN_PROBE_US = 30_000  # a host that is busy for a moment is not asked again


class RetransmissionTimeout:
    """Smoothed round-trip time, its variance and the timeout made of them.

    Attributes:
        timeout_us: ``MIN_US`` to ``MAX_US``.
        probe_us: after how long without an answer the last packet may be taken for lost, as TCP's tail loss probe does
            (RFC 8985 section 7.2); 0 before the first measurement.
        srtt_us: 0 before the first measurement.
    """

    def __init__(self) -> None:
        self.timeout_us = INITIAL_US
        self.probe_us = 0
        self.srtt_us = 0
        self._variance_us = 0

    def on_round_trip(self, rtt_us: int) -> None:
        """A measurement, of a chunk that was sent once or of a heartbeat.

        One that is longer than the timeout is none of the path: the timer would have come first had this process run.
        """
        if rtt_us > self.timeout_us:
            return
        if self.srtt_us == 0:
            self.srtt_us = max(1, rtt_us)
            self._variance_us = rtt_us // 2
        else:
            # RTO.Beta is a quarter, RTO.Alpha an eighth
            self._variance_us += (abs(self.srtt_us - rtt_us) - self._variance_us) // 4
            self.srtt_us = max(1, self.srtt_us + (rtt_us - self.srtt_us) // 8)
        timeout_us = self.srtt_us + 4 * max(self._variance_us, CLOCK_GRANULARITY_US)
        self.timeout_us = min(max(timeout_us, MIN_US), MAX_US)
        self.probe_us = min(self.srtt_us + max(self.srtt_us, 4 * self._variance_us, MIN_PROBE_US), MAX_US)

    def back_off(self) -> None:
        """The timer expired: twice the timeout (section 6.3.3 E2)."""
        self.timeout_us = min(self.timeout_us * 2, MAX_US)
