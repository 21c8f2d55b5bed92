# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Measures what the way carried of a probe cluster: the spacing of its packets at the sender and at the receiver."""

from __future__ import annotations

from miso.worker.bwe import enums

# C numbers in the .pxd
_CLUSTER_S = enums.CLUSTER_MS * 0.001
_MIN_ARRIVALS = 4
_ENOUGH = 0.8  # of a cluster's bytes
_MAX_SPREAD_US = 1000000
_BITS_US = 8000000.0  # bits a byte, times microseconds a second
_BUNCHED = 2.0  # times as fast as it was sent: that tells nothing of the way
_SATURATED = 0.5  # as fast as it was sent
_STRETCHED = 0.9  # as fast as it was sent: that is the capacity of the way
_OF_CAPACITY = 0.95  # is taken, so that the way is not filled to the brim at once


class ProbeResults:
    """Adds up the arrivals of the eight newest clusters, each at the place of its id modulo eight.

    Attributes:
        bitrate_bps: the last measurement; -1 until one is taken.
        is_saturated: less than half of the bitrate that was tried got through in its time: no jitter makes that.
    """

    def __init__(self) -> None:
        self.bitrate_bps = -1.0
        self.is_saturated = False
        self._ids = [0] * 8  # CLUSTERS, here and below
        self._packets = [0] * 8
        self._bytes = [0] * 8
        self._first_sent_us = [0] * 8
        self._last_sent_us = [0] * 8
        self._last_sent_size = [0] * 8
        self._first_arrival_us = [0] * 8
        self._last_arrival_us = [0] * 8
        self._first_arrival_size = [0] * 8

    def on_arrival(self, cluster: int, size: int, sent_us: int, arrival_us: int) -> None:
        """A packet of a cluster (1 to 255) arrived, by the receiver's clock."""
        place = cluster % enums.CLUSTERS
        if self._ids[place] != cluster:
            self._ids[place] = cluster
            self._packets[place] = 0
            self._bytes[place] = 0
        if self._packets[place] == 0 or sent_us < self._first_sent_us[place]:
            self._first_sent_us[place] = sent_us
        if self._packets[place] == 0 or sent_us >= self._last_sent_us[place]:
            self._last_sent_us[place] = sent_us
            self._last_sent_size[place] = size
        if self._packets[place] == 0 or arrival_us < self._first_arrival_us[place]:
            self._first_arrival_us[place] = arrival_us
            self._first_arrival_size[place] = size
        if self._packets[place] == 0 or arrival_us > self._last_arrival_us[place]:
            self._last_arrival_us[place] = arrival_us
        self._packets[place] += 1
        self._bytes[place] += size

    def measure(self, cluster: int, tried_bps: float) -> bool:
        """Tries to measure a cluster after its arrivals of one feedback.

        Args:
            cluster: 1 to 255.
            tried_bps: bitrate it was sent with.

        Returns:
            Whether enough of it arrived, over a plausible time; ``bitrate_bps`` then has the result.
        """
        place = cluster % enums.CLUSTERS
        if self._ids[place] != cluster or self._packets[place] < _MIN_ARRIVALS:
            return False
        if self._bytes[place] * 8.0 < _ENOUGH * _CLUSTER_S * tried_bps:
            return False
        sent_us = self._last_sent_us[place] - self._first_sent_us[place]
        arrived_us = self._last_arrival_us[place] - self._first_arrival_us[place]
        if not (0 < sent_us <= _MAX_SPREAD_US and 0 < arrived_us <= _MAX_SPREAD_US):
            return False
        # the last packet's own way out is not in the first interval, the first one's way in not in the second
        sent_bps = (self._bytes[place] - self._last_sent_size[place]) * _BITS_US / sent_us
        arrived_bps = (self._bytes[place] - self._first_arrival_size[place]) * _BITS_US / arrived_us
        if arrived_bps > _BUNCHED * sent_bps:
            return False
        self.is_saturated = arrived_bps < _SATURATED * sent_bps
        is_stretched = arrived_bps < _STRETCHED * sent_bps
        self.bitrate_bps = _OF_CAPACITY * arrived_bps if is_stretched else min(sent_bps, arrived_bps)
        return True
