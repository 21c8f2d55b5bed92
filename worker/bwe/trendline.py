# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Tells from the trend of the one-way delay whether a queue builds up on the path (draft-ietf-rmcat-gcc-02 section 5).

The trend is the slope of a line through the last twenty smoothed delays, the threshold adapts itself so that competing
TCP flows do not starve the stream.
"""

from __future__ import annotations

from miso.worker.bwe import enums

# C numbers in the .pxd; the names in brackets are the draft's
_WINDOW = 20  # groups
_SMOOTHING = 0.9
_GAIN = 4.0
_MAX_GAIN_GROUPS = 60
_MAX_COUNT = 1000  # of groups
_MIN_OVERUSE_MS = 10.0  # (overuse_time_th)
_FIRST_THRESHOLD_MS = 12.5  # (del_var_th(0))
_MIN_THRESHOLD_MS = 6.0
_MAX_THRESHOLD_MS = 600.0
_MAX_STEP_MS = 15.0
_RISE = 0.0087  # (K_u)
_FALL = 0.039  # (K_d)
_MAX_ADAPTION_MS = 100.0  # between groups: the threshold adapts itself as if no more time passed


class TrendlineDetector:
    """Fed with the spacing of packet groups.

    Attributes:
        state: ``NORMAL``, ``OVERUSE`` or ``UNDERUSE``.
        threshold_ms: what the modified trend is compared with, 6 to 600.
    """

    def __init__(self) -> None:
        self._times_ms = [0.0] * 20  # _WINDOW, here and below
        self._delays_ms = [0.0] * 20
        self.reset()

    def reset(self) -> None:
        """Back to the beginning."""
        self.state = enums.NORMAL
        self.threshold_ms = _FIRST_THRESHOLD_MS
        self._delta_count = 0
        self._accumulated_ms = 0.0
        self._smoothed_ms = 0.0
        self._clock_ms = 0.0
        self._used = 0
        self._next = 0
        self._previous_trend = 0.0
        self._overusing_ms = -1.0
        self._overuse_count = 0

    def on_group(self, arrival_delta_ms: float, send_delta_ms: float) -> int:
        """Takes the spacing of one more group.

        Returns:
            The new ``state``.
        """
        difference_ms = arrival_delta_ms - send_delta_ms
        if self._delta_count < _MAX_COUNT:
            self._delta_count += 1
        self._accumulated_ms += difference_ms
        self._smoothed_ms = _SMOOTHING * self._smoothed_ms + (1.0 - _SMOOTHING) * self._accumulated_ms
        self._clock_ms += arrival_delta_ms
        self._times_ms[self._next] = self._clock_ms
        self._delays_ms[self._next] = self._smoothed_ms
        self._next = (self._next + 1) % _WINDOW
        if self._used < _WINDOW:
            self._used += 1
        trend = self._slope() if self._used == _WINDOW else self._previous_trend
        self._detect(trend, arrival_delta_ms)
        return self.state

    def _slope(self) -> float:
        mean_time = 0.0
        mean_delay = 0.0
        for position in range(_WINDOW):
            mean_time += self._times_ms[position]
            mean_delay += self._delays_ms[position]
        mean_time /= _WINDOW
        mean_delay /= _WINDOW
        numerator = 0.0
        denominator = 0.0
        for position in range(_WINDOW):
            numerator += (self._times_ms[position] - mean_time) * (self._delays_ms[position] - mean_delay)
            denominator += (self._times_ms[position] - mean_time) * (self._times_ms[position] - mean_time)
        if denominator <= 0.0:
            return self._previous_trend
        return numerator / denominator

    def _detect(self, trend: float, delta_ms: float) -> None:
        if self._delta_count < 2:
            self.state = enums.NORMAL
            return
        modified = min(self._delta_count, _MAX_GAIN_GROUPS) * trend * _GAIN
        if modified > self.threshold_ms:
            if self._overusing_ms < 0.0:
                self._overusing_ms = delta_ms * 0.5
            else:
                self._overusing_ms += delta_ms
            self._overuse_count += 1
            if self._overusing_ms > _MIN_OVERUSE_MS and self._overuse_count > 1 and trend >= self._previous_trend:
                self._overusing_ms = 0.0
                self._overuse_count = 0
                self.state = enums.OVERUSE
        else:
            self._overusing_ms = -1.0
            self._overuse_count = 0
            self.state = enums.UNDERUSE if modified < -self.threshold_ms else enums.NORMAL
        self._previous_trend = trend
        self._adapt_threshold(modified, delta_ms)

    def _adapt_threshold(self, modified: float, delta_ms: float) -> None:
        magnitude = modified if modified >= 0.0 else -modified
        if magnitude > self.threshold_ms + _MAX_STEP_MS:  # a sudden jump (route change), not a trend to learn from
            return
        gain = _FALL if magnitude < self.threshold_ms else _RISE
        self.threshold_ms += gain * (magnitude - self.threshold_ms) * min(delta_ms, _MAX_ADAPTION_MS)
        self.threshold_ms = min(max(self.threshold_ms, _MIN_THRESHOLD_MS), _MAX_THRESHOLD_MS)
