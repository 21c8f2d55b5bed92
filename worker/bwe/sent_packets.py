# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""What was sent under which transport-wide sequence number, until feedback speaks of it.

A ring that begins with 32 packets and doubles, up to 8192, while what it would overwrite may still be reported.
"""

from __future__ import annotations

from array import array

_MODULO = 0xFFFFFFFF  # a C integer in the .pxd: Cython makes a Python object of a literal beyond 31 bits

_FIRST_MASK = 31  # of places in the ring: one less than there are
_MAX_MASK = 8191
_LIFETIME_US = 5000000  # feedback comes ten times a second; what it says after so long is of no use

# A packet is one 64-bit word, [sent µs modulo 2^32 | size, 16 bits | probe cluster, 8 bits | 7 bits | waiting]: among a
# hundred rings each is found cold, and pays for every line of the cache that a packet touches.


class SentPackets:
    """Remembers size, time and probe cluster of each packet.

    Attributes:
        newest: unwrapped number of the last packet, -1 before the first.
        begin: unwrapped number of the first packet ever.
    """

    def __init__(self) -> None:
        self.newest = -1
        self.begin = 0
        self._newest_us = 0
        self._mask = _FIRST_MASK
        self._packets = array("Q", bytes(8 * (_FIRST_MASK + 1)))

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
                self._packets[self.newest & self._mask] = 0
                step -= 1
            self.newest += 1
        self._newest_us = sent_us
        place = self.newest & self._mask
        while (
            self._mask < _MAX_MASK
            and self._packets[place] & 1
            and ((sent_us - (self._packets[place] >> 32)) & _MODULO) < _LIFETIME_US
        ):
            self._grow()
            place = self.newest & self._mask
        word = sent_us & _MODULO
        word = word << 16 | size
        self._packets[place] = word << 16 | cluster << 8 | 1

    def _grow(self) -> int:
        mask = 2 * self._mask + 1
        packets = array("Q", bytes(8 * (mask + 1)))
        for number in range(max(self.newest - self._mask - 1, 0), self.newest):
            packets[number & mask] = self._packets[number & self._mask]
        self._packets = packets
        self._mask = mask
        return 0

    def unwrap(self, sequence_number: int) -> int:
        """The number at most 32767 before or after the newest one; above ``newest`` or below 0: it was never sent."""
        step = (sequence_number - self.newest) & 0xFFFF
        if step >= 0x8000:
            step -= 0x10000
        return self.newest + step

    def oldest(self) -> int:
        """Nothing is known of numbers below it any more."""
        return max(self.begin, self.newest - self._mask)

    def is_waiting(self, number: int) -> bool:
        """Whether this unwrapped number was sent, is remembered, and has not been taken."""
        if number < self.oldest() or number > self.newest:
            return False
        return self._packets[number & self._mask] & 1 != 0

    def take(self, number: int) -> None:
        """It is accounted for: another report of it finds nothing."""
        self._packets[number & self._mask] &= ~1

    def sent_us(self, number: int) -> int:
        """When a remembered packet was sent, at most 71 minutes before the newest."""
        age = self._newest_us - (self._packets[number & self._mask] >> 32)
        return self._newest_us - (age & _MODULO)

    def size(self, number: int) -> int:
        """Bytes of a remembered packet."""
        return (self._packets[number & self._mask] >> 16) & 0xFFFF

    def cluster(self, number: int) -> int:
        """Probe cluster of a remembered packet, 0 for none."""
        return (self._packets[number & self._mask] >> 8) & 0xFF
