# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Paces probe clusters: short trains of packets at a bitrate that the way to the receiver may or may not carry.

Media that is sent meanwhile counts as part of the train.
"""

from __future__ import annotations


class ProbeSender:
    """Up to four clusters wait; one at a time is sent, as 15 ms at its bitrate and in at least five packets.

    Attributes:
        cluster: id of the one being sent, 1 to 255; 0 for none.
        bitrate_bps: of that one.
    """

    def __init__(self) -> None:
        self.cluster = 0
        self.bitrate_bps = 0.0
        self._last_id = 0
        self._rates = [0.0] * 4
        self._waiting = 0
        self._first_us = 0
        self._began_us = 0
        self._sent_bytes = 0
        self._sent_packets = 0

    def add(self, bitrate_bps: float, now_us: int) -> None:
        """Queues a cluster; a fifth is forgotten."""
        if self.cluster == 0:
            self._begin(bitrate_bps, now_us)
        elif self._waiting < 4:
            self._rates[self._waiting] = bitrate_bps
            self._waiting += 1

    def clear(self) -> None:
        """Forgets all clusters."""
        self.cluster = 0
        self._waiting = 0

    def on_sent(self, size: int, now_us: int) -> None:
        """A packet, of probation or media, was sent while ``cluster`` is not 0."""
        if self._sent_packets == 0:
            self._first_us = now_us
        self._sent_bytes += size
        self._sent_packets += 1
        if (
            self._sent_packets >= 5
            and self._sent_bytes * 8.0 >= self.bitrate_bps * 0.015
            and now_us - self._first_us >= 10000  # one burst of a frame is no train
        ):
            self.cluster = 0
            self._next(now_us)

    def due(self, now_us: int) -> int:
        """Bytes of probation to send now in one packet, 0 when none are due."""
        if self.cluster == 0:
            return 0
        if now_us - self._began_us > 500000:  # nobody sent for us: a late train measures nothing
            self.cluster = 0
            self._next(now_us)
            return 0
        if self._sent_packets > 0 and self.next_us() > now_us:
            return 0
        # of 2 ms, but small enough that five packets make up the 15 ms
        size = int(self.bitrate_bps * 0.002 * 0.125)
        if size < 200:
            size = 200
        if size > 1200:
            size = 1200
        return size

    def next_us(self) -> int:
        """When ``due`` wants to be asked again; -1 when nothing is being sent."""
        if self.cluster == 0:
            return -1
        if self._sent_packets == 0:
            return self._began_us
        return self._first_us + int(self._sent_bytes * 8000000.0 / self.bitrate_bps)

    def _begin(self, bitrate_bps: float, now_us: int) -> None:
        self._last_id = self._last_id % 255 + 1
        self.cluster = self._last_id
        self.bitrate_bps = bitrate_bps
        self._began_us = now_us
        self._first_us = now_us
        self._sent_bytes = 0
        self._sent_packets = 0

    def _next(self, now_us: int) -> None:
        if self._waiting == 0:
            return
        rate = self._rates[0]
        self._waiting -= 1
        for index in range(self._waiting):
            self._rates[index] = self._rates[index + 1]
        self._begin(rate, now_us)
