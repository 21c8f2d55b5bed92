# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""The loss-based half of the send-side estimate (draft-ietf-rmcat-gcc-02 section 6)."""

from __future__ import annotations

_LOW_LOSS = 0.02  # C numbers in the .pxd
_HIGH_LOSS = 0.1
_MIN_PACKETS = 20
_INTERVAL_US = 500000
_RESPONSE_MS = 300.0
_GROWTH_PER_S = 0.08
_MIN_GROWTH_BPS = 1000.0  # per second, besides
_DECREASE = 0.5  # times the share that was lost
_FAR_ABOVE = 1.5


class LossControl:
    """Below 2 % loss a limit grows, above 10 % it falls, between it stands: a radio link loses that without a queue.

    Attributes:
        limit_bps: the estimate may not exceed it; -1 while loss gives no reason for one.
        fraction_lost: of the last interval that had enough packets, 0.0 to 1.0.
    """

    def __init__(self) -> None:
        self.limit_bps = -1.0
        self.fraction_lost = 0.0
        self._lost = 0  # packets since the last update
        self._total = 0
        self._last_update_us = -1

    def on_results(
        self, lost: int, total: int, estimate_bps: float, floor_bps: float, rtt_ms: float, now_us: int
    ) -> None:
        """Takes what one feedback tells.

        Args:
            lost: packets that did not arrive.
            total: packets reported on.
            estimate_bps: the estimate as it stands, with this limit.
            floor_bps: a decrease does not go below: so much does get through.
            rtt_ms: a decrease takes effect after so long; the next one waits for that.
            now_us: the present.
        """
        self._lost += lost
        self._total += total
        if self._last_update_us < 0:
            self._last_update_us = now_us
        elapsed_us = now_us - self._last_update_us
        if self._total < _MIN_PACKETS or elapsed_us < _INTERVAL_US or elapsed_us < (_RESPONSE_MS + rtt_ms) * 1000.0:
            return
        self.fraction_lost = self._lost * 1.0 / self._total
        self._last_update_us = now_us
        self._lost = 0
        self._total = 0
        if self.fraction_lost > _HIGH_LOSS:
            self.limit_bps = max(estimate_bps * (1.0 - _DECREASE * self.fraction_lost), min(floor_bps, estimate_bps))
        elif self.fraction_lost < _LOW_LOSS and self.limit_bps >= 0.0:
            elapsed_s = min(elapsed_us * 0.000001, 1.0)
            self.limit_bps += (_GROWTH_PER_S * self.limit_bps + _MIN_GROWTH_BPS) * elapsed_s

    def raise_to(self, bitrate_bps: float) -> None:
        """A probe went through at this bitrate."""
        if 0.0 <= self.limit_bps < bitrate_bps:
            self.limit_bps = bitrate_bps

    def forget_above(self, bitrate_bps: float) -> None:
        """A limit far above what the delay allows limits nothing."""
        if self.limit_bps > _FAR_ABOVE * bitrate_bps:
            self.limit_bps = -1.0
