# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Bitrate over a sliding window, in constant time and memory per packet."""

from __future__ import annotations

from miso.worker.rtp import enums


class RateCalculator:
    """Sums bytes in the buckets that make up the window.

    What comes into the newest bucket is summed beside the counters, and written into it when it ends: most packets
    touch no bucket, which would be one line of the cache more.

    Attributes:
        packets: all packets since the start.
        bytes: all bytes since the start.
    """

    def __init__(self, window_us: int = 2500000) -> None:
        self.packets = 0
        self.bytes = 0
        self._until_us = 0  # when the newest bucket ends
        self._total = 0  # bytes of the buckets together
        self._current = 0  # of the newest one
        self._bucket_us = window_us // enums.RATE_BUCKETS
        self._newest = -2 * enums.RATE_BUCKETS  # its number: time divided by a bucket's length
        self._buckets = [0] * 50  # the newest one is 0 until it ends

    def update(self, size: int, now_us: int) -> None:
        """Counts a packet of ``size`` bytes."""
        self._advance(now_us)
        self.packets += 1
        self.bytes += size
        self._total += size
        self._current += size

    def take_back(self, size: int, now_us: int) -> None:
        """The bytes were counted now, or are about to be, and did not come to be sent."""
        self._advance(now_us)
        self.bytes -= size
        self._total -= size
        self._current -= size

    def bitrate(self, now_us: int) -> int:
        """Bits per second over the window that ends now."""
        self._advance(now_us)
        return self._total * 8000000 // (self._bucket_us * enums.RATE_BUCKETS)

    def _advance(self, now_us: int) -> None:
        if now_us < self._until_us:
            return
        bucket = now_us // self._bucket_us
        if bucket - self._newest >= enums.RATE_BUCKETS:
            for position in range(enums.RATE_BUCKETS):
                self._buckets[position] = 0
            self._total = 0
            self._newest = bucket
        else:
            self._buckets[self._newest % enums.RATE_BUCKETS] = self._current
            while self._newest < bucket:
                self._newest += 1
                self._total -= self._buckets[self._newest % enums.RATE_BUCKETS]
                self._buckets[self._newest % enums.RATE_BUCKETS] = 0
        self._current = 0
        self._until_us = (bucket + 1) * self._bucket_us
