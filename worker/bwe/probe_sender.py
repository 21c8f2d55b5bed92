# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Paces probe clusters: short trains of packets at a bitrate that the way to the receiver may or may not carry.

Media that is sent meanwhile counts as part of the train.
"""

from __future__ import annotations

from miso.worker.bwe import enums

# C numbers in the .pxd
_CLUSTER_S = enums.CLUSTER_MS * 0.001
_MIN_PACKETS = 5
_MIN_TRAIN_US = 10000
_TIMEOUT_US = 500000
_PACKET_S = 0.002  # of its bitrate are in a packet of probation
_MIN_SIZE = 200  # bytes of such a packet; so that five of them make up the cluster
_MAX_SIZE = 1200
_BYTES_PER_BIT = 0.125
_BITS_US = 8000000.0  # bits a byte, times microseconds a second


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
        self._rates = [0.0] * 4  # MAX_WAITING
        self._waiting = 0
        self._first_us = 0  # when the first packet of the cluster was sent
        self._began_us = 0  # when its turn came
        self._sent_bytes = 0
        self._sent_packets = 0

    def add(self, bitrate_bps: float, now_us: int) -> None:
        """Queues a cluster; a fifth is forgotten."""
        if self.cluster == 0:
            self._begin(bitrate_bps, now_us)
        elif self._waiting < enums.MAX_WAITING:
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
            self._sent_packets >= _MIN_PACKETS
            and self._sent_bytes * 8.0 >= self.bitrate_bps * _CLUSTER_S
            and now_us - self._first_us >= _MIN_TRAIN_US  # one burst of a frame is no train
        ):
            self.cluster = 0
            self._next(now_us)

    def due(self, now_us: int) -> int:
        """Bytes of probation to send now in one packet, 0 when none are due."""
        if self.cluster == 0:
            return 0
        if now_us - self._began_us > _TIMEOUT_US:  # nobody sent for us: a late train measures nothing
            self.cluster = 0
            self._next(now_us)
            return 0
        if self._sent_packets > 0 and self.next_us() > now_us:
            return 0
        size = int(self.bitrate_bps * _PACKET_S * _BYTES_PER_BIT)
        return min(max(size, _MIN_SIZE), _MAX_SIZE)

    def next_us(self) -> int:
        """When ``due`` wants to be asked again; -1 when nothing is being sent."""
        if self.cluster == 0:
            return -1
        if self._sent_packets == 0:
            return self._began_us
        return self._first_us + int(self._sent_bytes * _BITS_US / self.bitrate_bps)

    def _begin(self, bitrate_bps: float, now_us: int) -> None:
        self._last_id = self._last_id % enums.MAX_CLUSTER + 1
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
