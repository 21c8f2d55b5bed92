# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""What was sent under which transport-wide sequence number: a ring of the last 8192 packets."""

from __future__ import annotations


class SentPackets:
    """Remembers size, time and probe cluster of each packet until feedback speaks of it.

    Attributes:
        newest: unwrapped number of the last packet, -1 before the first.
        begin: unwrapped number of the first packet ever.
    """

    def __init__(self) -> None:
        self.newest = -1
        self.begin = 0
        self._newest_us = 0
        self._sent_us = [0] * 8192
        self._sizes = [0] * 8192
        self._clusters = [0] * 8192
        self._waiting = [0] * 8192

    def add(self, sequence_number: int, size: int, sent_us: int, cluster: int) -> None:
        """Remembers a packet; the numbers are expected to go up by one, modulo 65536.

        Args:
            sequence_number: 0 to 65535.
            size: its bytes, up to 65535.
            sent_us: when it was sent.
            cluster: of probes, 1 to 255; 0 for none.
        """
        if self.newest < 0:
            self.newest = sequence_number
            self.begin = sequence_number
        else:
            step = (sequence_number - self.newest) & 0xFFFF
            while step > 1:  # numbers that were never sent
                self.newest += 1
                self._waiting[self.newest & 8191] = 0
                step -= 1
            self.newest += 1
        place = self.newest & 8191
        self._newest_us = sent_us
        self._sent_us[place] = sent_us & 0xFFFFFFFF
        self._sizes[place] = size
        self._clusters[place] = cluster
        self._waiting[place] = 1

    def unwrap(self, sequence_number: int) -> int:
        """The number at most 32767 before or after the newest one; above ``newest`` or below 0: it was never sent."""
        step = (sequence_number - self.newest) & 0xFFFF
        if step >= 0x8000:
            step -= 0x10000
        return self.newest + step

    def is_waiting(self, number: int) -> bool:
        """Whether this unwrapped number was sent, is remembered, and has not been taken."""
        if number < self.begin or number > self.newest or self.newest - number >= 8192:
            return False
        return self._waiting[number & 8191] != 0

    def take(self, number: int) -> None:
        """It is accounted for: another report of it finds nothing."""
        self._waiting[number & 8191] = 0

    def sent_us(self, number: int) -> int:
        """When a remembered packet was sent, at most 71 minutes before the newest."""
        return self._newest_us - ((self._newest_us - self._sent_us[number & 8191]) & 0xFFFFFFFF)

    def size(self, number: int) -> int:
        """Bytes of a remembered packet."""
        return self._sizes[number & 8191]

    def cluster(self, number: int) -> int:
        """Probe cluster of a remembered packet, 0 for none."""
        return self._clusters[number & 8191]
