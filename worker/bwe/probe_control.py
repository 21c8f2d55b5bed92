# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Decides when to probe and how high, so that the estimate can rise above what the application sends."""

from __future__ import annotations

from miso.worker.bwe import enums

# C numbers in the .pxd
_ENOUGH = 0.95  # of what is of use: nothing more to find out
_INTERVAL_US = 5000000
_RETRY_US = 2000000
_MAX_RETRIES = 3
_AFTER_OVERUSE_US = 2000000
_COLLAPSE = 0.66  # an estimate that fell below so much of what it was
_RECOVERY_US = 5000000
_FIRST = 3.0  # times what is assumed is tried at the start, and when more is wanted
_SECOND = 6.0  # times that, at the start
_NEXT = 2.0  # times what went through
_FURTHER_ABOVE = 0.7  # of what was tried: who measures more goes on
_FALLEN = 0.8  # an estimate below so much of what it was may be tried to go back
_BACK_TO = 0.85  # of what it was


class ProbeControl:
    """At the start, when more is wanted, after a collapse, and every five seconds while less is known than wanted.

    Three that brought no measurement are repeated after two seconds.

    A cluster that went through is followed by one twice as high. What is to be sent next is taken with ``take``.

    Attributes:
        max_bitrate_bps: nothing above it is of use.
        is_started: ``start`` was called.
    """

    def __init__(self) -> None:
        self.max_bitrate_bps = 0.0
        self.is_started = False
        self._next_bps = -1.0  # the cluster that ``take`` gives next, and the one after it; -1 for none
        self._second_bps = -1.0
        self._further_above_bps = -1.0  # a measurement above it is followed by a cluster twice as high; -1 for never
        self._last_probe_us = -1
        self._unanswered = 0  # probes in a row that no measurement came of
        self._last_overuse_us = -1
        self._before_drop_bps = -1.0  # the estimate before its last collapse, and when that was
        self._drop_us = -1
        self._last_recovery_us = -1
        self._overusing = False

    def start(self, max_bitrate_bps: float, estimate_bps: float, now_us: int) -> None:
        """The way is open: tries three and six times what is assumed, when more is of use."""
        self.is_started = True
        self.max_bitrate_bps = max_bitrate_bps
        if estimate_bps >= _ENOUGH * max_bitrate_bps:
            return
        self._begin(_FIRST * estimate_bps, now_us)
        if _FIRST * estimate_bps < self.max_bitrate_bps:
            self._second_bps = min(_SECOND * estimate_bps, self.max_bitrate_bps)

    def set_max(self, bitrate_bps: float, estimate_bps: float, now_us: int) -> None:
        """More or less is wanted than before."""
        grown = bitrate_bps > self.max_bitrate_bps
        self.max_bitrate_bps = bitrate_bps
        if grown and estimate_bps < _ENOUGH * bitrate_bps:
            self._begin(min(bitrate_bps, _FIRST * estimate_bps), now_us)

    def on_result(self, bitrate_bps: float, now_us: int) -> None:
        """A cluster was measured."""
        self._unanswered = 0
        if self._further_above_bps >= 0.0 and bitrate_bps > self._further_above_bps:
            if bitrate_bps < _ENOUGH * self.max_bitrate_bps:
                self._begin(_NEXT * bitrate_bps, now_us)
            else:
                self._further_above_bps = -1.0

    def on_state(self, state: int, before_bps: float, estimate_bps: float, now_us: int) -> None:
        """The delay's trend was looked at.

        Args:
            state: of the detector, ``NORMAL``, ``OVERUSE`` or ``UNDERUSE``.
            before_bps: the estimate before that.
            estimate_bps: the estimate after.
            now_us: the present.
        """
        if estimate_bps < _COLLAPSE * before_bps:
            self._before_drop_bps = before_bps
            self._drop_us = now_us
        if state == enums.OVERUSE:
            self._last_overuse_us = now_us
            self._overusing = True
            self._further_above_bps = -1.0
        elif self._overusing and state == enums.NORMAL:
            self._overusing = False
            self._recover(estimate_bps, now_us)

    def _recover(self, estimate_bps: float, now_us: int) -> None:
        """An overuse that came from a burst, not from the link, is over: goes back to where the estimate was."""
        if self._before_drop_bps < 0.0 or now_us - self._drop_us > _RECOVERY_US:
            return
        if self._last_recovery_us >= 0 and now_us - self._last_recovery_us < _RECOVERY_US:
            return
        if _FALLEN * self._before_drop_bps > estimate_bps:
            self._last_recovery_us = now_us
            self._begin(_BACK_TO * self._before_drop_bps, now_us)
            self._further_above_bps = -1.0

    def on_time(self, estimate_bps: float, now_us: int) -> None:
        """Called now and then; probes when it is time."""
        if not self.is_started or estimate_bps >= _ENOUGH * self.max_bitrate_bps:
            return
        if self._last_overuse_us >= 0 and now_us - self._last_overuse_us < _AFTER_OVERUSE_US:
            return
        # a train that a busy machine bunched up told nothing: it is worth another one soon, but not for ever
        interval_us = _RETRY_US if 0 < self._unanswered <= _MAX_RETRIES else _INTERVAL_US
        if self._last_probe_us > self._last_overuse_us and now_us - self._last_probe_us < interval_us:
            return
        self._begin(_NEXT * estimate_bps, now_us)

    def take(self) -> float:
        """Bitrate of the next cluster to send, -1.0 for none."""
        rate = self._next_bps
        self._next_bps = self._second_bps
        self._second_bps = -1.0
        return rate

    def _begin(self, bitrate_bps: float, now_us: int) -> None:
        self._last_probe_us = now_us
        self._unanswered += 1
        self._next_bps = min(bitrate_bps, self.max_bitrate_bps)
        self._second_bps = -1.0
        self._further_above_bps = _FURTHER_ABOVE * self._next_bps
