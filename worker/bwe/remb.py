# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""The receive-side bandwidth estimate that REMB tells the sender.

draft-alvestrand-rmcat-remb-03, draft-ietf-rmcat-gcc-02.
"""

from __future__ import annotations

from miso.worker.bwe import enums
from miso.worker.bwe.inter_arrival import InterArrival
from miso.worker.bwe.rate_control import RateControl
from miso.worker.bwe.trendline import TrendlineDetector
from miso.worker.rtp.rate import RateCalculator

# C numbers in the .pxd
_PAUSE_US = 2000000  # without packets: what was learned of delays does not hold any more
_WINDOW_US = 1000000  # of the bitrate that comes in
_UPDATE_US = 100000
_MIN_WINDOW_US = 200000  # nothing is estimated from less, but at an overuse
_REPORT_US = 1000000
_FALL_PERCENT = 97  # of the last report: a lower estimate is told at once


class RemoteBitrateEstimator:
    """Fed with every packet of a transport that has the abs-send-time extension.

    Attributes:
        max_bitrate_bps: reports never exceed it; 0 for no limit.
    """

    def __init__(self) -> None:
        self.max_bitrate_bps = 0
        self._inter_arrival = InterArrival()
        self._detector = TrendlineDetector()
        self._control = RateControl()
        self._incoming = RateCalculator(_WINDOW_US)
        self._first_us = -1
        self._last_packet_us = -1
        self._last_update_us = 0
        self._last_report_us = -1
        self._last_report_bps = 0

    def on_packet(self, abs_send_time: int, arrival_us: int, size: int) -> None:
        """Takes a packet.

        Args:
            abs_send_time: the extension's 24 bits: seconds modulo 64 in 6.18 fixed point.
            arrival_us: when it was received.
            size: its bytes.
        """
        if self._first_us < 0 or arrival_us - self._last_packet_us > _PAUSE_US:
            self._first_us = arrival_us  # begin anew, from the bitrate known so far
            self._inter_arrival.reset()
            self._detector.reset()
            self._last_update_us = arrival_us
        self._last_packet_us = arrival_us
        self._incoming.update(size, arrival_us)
        previous = self._detector.state
        state = previous
        if self._inter_arrival.on_packet(abs_send_time, arrival_us):
            state = self._detector.on_group(self._inter_arrival.arrival_delta_ms, self._inter_arrival.send_delta_ms)
        if (state == enums.OVERUSE and previous != enums.OVERUSE) or arrival_us - self._last_update_us >= _UPDATE_US:
            self._update(state, arrival_us)

    def _update(self, state: int, now_us: int) -> None:
        self._last_update_us = now_us
        window_us = now_us - self._first_us
        if window_us < _MIN_WINDOW_US and state != enums.OVERUSE:
            return
        # the window is not full yet
        incoming = self._incoming.bitrate(now_us) * 1.0
        if 0 < window_us < _WINDOW_US:
            incoming = incoming * _WINDOW_US / window_us
        self._control.update(state, incoming, now_us)

    def estimate_bps(self) -> int:
        """The estimate in bit/s, limited by ``max_bitrate_bps``."""
        estimate = int(self._control.bitrate_bps)
        if self.max_bitrate_bps > 0 and estimate > self.max_bitrate_bps:
            return self.max_bitrate_bps
        return estimate

    def poll(self, now_us: int) -> int:
        """Says whether a REMB is due: once a second, and at once when the estimate fell by 3 %.

        Returns:
            The estimate in bit/s, or -1 when none is due or nothing arrived for two seconds.
        """
        if self._first_us < 0 or now_us - self._last_packet_us > _PAUSE_US:
            return -1
        estimate = self.estimate_bps()
        if (
            self._last_report_us >= 0
            and now_us - self._last_report_us < _REPORT_US
            and estimate * 100 >= self._last_report_bps * _FALL_PERCENT
        ):
            return -1
        self._last_report_us = now_us
        self._last_report_bps = estimate
        return estimate

    def set_rtt(self, rtt_ms: float) -> None:
        """Takes the round-trip time to the sender, in milliseconds."""
        self._control.rtt_ms = rtt_ms
