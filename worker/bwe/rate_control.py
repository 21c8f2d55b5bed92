# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Additive increase, multiplicative decrease of the estimated bitrate (draft-ietf-rmcat-gcc-02 section 5.5)."""

from __future__ import annotations

from miso.worker.bwe import enums

# C numbers in the .pxd
_DECREASE = 0.85  # the draft's beta
_GROWTH_PER_S = 0.08  # its eta is 1.08 a second
_MAX_ABOVE_INCOMING = 1.5
_RESPONSE_MS = 100.0  # what the draft adds to the round trip: the time until an over-use is noticed
_MAX_STEP_S = 1.0  # of growth at once
_START_LIMIT = 2.0  # times what comes in, until the first overuse
_HEADROOM_BPS = 10000.0  # above a multiple of what comes in
_MIN_GROWTH_BPS = 1000.0  # per second
_MIN_ADDITION_BPS = 4000.0  # per second near the link's bitrate
_FRAMES_PER_S = 30.0  # as the draft assumes, of packets of 1200 bytes
_PACKET_BITS = 9600.0
_DEVIATIONS = 3.0  # off what the link had: it has changed
_LEARNING = 0.05  # of a new sample in the link's average
_FIRST_DEVIATION = 0.1  # relative to the average
_MIN_DEVIATION = 0.03
_MAX_DEVIATION = 0.12


class RateControl:
    """Turns the detector's state and the incoming bitrate into an estimate.

    Until the first overuse the estimate may double every second, bounded by twice what comes in; later it grows by 8 %
    a second, or by one packet per round trip near the bitrate at which the link was full before.

    Attributes:
        bitrate_bps: the estimate.
        min_bitrate_bps: it never falls below.
        rtt_ms: round-trip time, 200 while unknown.
        is_starting: no overuse seen so far.
    """

    def __init__(self, start_bitrate_bps: float = 300000.0, min_bitrate_bps: float = 30000.0) -> None:
        self.bitrate_bps = start_bitrate_bps
        self.min_bitrate_bps = min_bitrate_bps
        self.rtt_ms = 200.0
        self.is_starting = True
        self._holding = False  # no growth: there was an overuse, or a queue drains
        self._last_update_us = -1
        self._last_decrease_us = 0
        self._link_bps = -1.0  # average incoming bitrate at overuse, -1 unknown
        self._link_deviation = _FIRST_DEVIATION  # relative to it

    def update(self, state: int, incoming_bps: float, now_us: int) -> None:
        """Adjusts the estimate.

        Args:
            state: of the detector, ``NORMAL``, ``OVERUSE`` or ``UNDERUSE``.
            incoming_bps: bitrate of what arrives.
            now_us: the present.
        """
        elapsed_s = 0.0 if self._last_update_us < 0 else (now_us - self._last_update_us) * 0.000001
        self._last_update_us = now_us
        if elapsed_s > _MAX_STEP_S:
            elapsed_s = _MAX_STEP_S
        if state == enums.OVERUSE:
            # one decrease has to travel to the sender and back before the next one means something
            if self._last_decrease_us == 0 or now_us - self._last_decrease_us >= (self.rtt_ms + _RESPONSE_MS) * 1000.0:
                self._decrease(incoming_bps, now_us)
            self._holding = True
        elif state == enums.UNDERUSE:
            self._holding = True  # a queue drains: wait until it is empty
        else:
            if not self._holding:
                self._increase(incoming_bps, elapsed_s)
            self._holding = False

    def _decrease(self, incoming_bps: float, now_us: int) -> None:
        self.is_starting = False
        self._last_decrease_us = now_us
        target = _DECREASE * incoming_bps
        if target > self.bitrate_bps and self._link_bps > 0.0:
            target = _DECREASE * self._link_bps
        self._learn_link(incoming_bps)
        if target < self.bitrate_bps:
            self.bitrate_bps = max(target, self.min_bitrate_bps)

    def _increase(self, incoming_bps: float, elapsed_s: float) -> None:
        if self.is_starting:
            limit = _START_LIMIT * incoming_bps + _HEADROOM_BPS
            if self.bitrate_bps < limit:
                self.bitrate_bps = min(limit, self.bitrate_bps * (1.0 + elapsed_s))
            return
        if self._link_bps > 0.0 and incoming_bps > self._link_bps * (1.0 + _DEVIATIONS * self._link_deviation):
            self._link_bps = -1.0  # the link got faster: what it was does not matter any more
        limit = _MAX_ABOVE_INCOMING * incoming_bps + _HEADROOM_BPS
        if self.bitrate_bps >= limit:
            return
        if self._link_bps > 0.0:
            self.bitrate_bps += self._additive_step(elapsed_s)
        else:
            self.bitrate_bps += max(self.bitrate_bps * _GROWTH_PER_S, _MIN_GROWTH_BPS) * elapsed_s
        self.bitrate_bps = min(self.bitrate_bps, limit)

    def _additive_step(self, elapsed_s: float) -> float:
        """A packet per response time."""
        frame_bits = self.bitrate_bps / _FRAMES_PER_S
        packets = frame_bits / _PACKET_BITS
        packet_bits = frame_bits / (1.0 if packets < 1.0 else packets)
        return max(_MIN_ADDITION_BPS, packet_bits * 1000.0 / (self.rtt_ms + _RESPONSE_MS)) * elapsed_s

    def _learn_link(self, incoming_bps: float) -> None:
        if self._link_bps <= 0.0 or incoming_bps < self._link_bps * (1.0 - _DEVIATIONS * self._link_deviation):
            self._link_bps = incoming_bps
            return
        error = (incoming_bps - self._link_bps) / self._link_bps
        self._link_bps += _LEARNING * (incoming_bps - self._link_bps)
        self._link_deviation = min(
            max((1.0 - _LEARNING) * self._link_deviation + _LEARNING * abs(error), _MIN_DEVIATION), _MAX_DEVIATION
        )
