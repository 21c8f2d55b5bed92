# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Which of the last 2048 sequence numbers of a stream came: duplicates are told apart by them."""

from __future__ import annotations

_SIZE = 2048  # numbers, a power of two
_PLACE = _SIZE - 1  # what of a number is its bit's place
_WORDS = _SIZE // 64


class ReceivedWindow:
    """One bit per sequence number, up to the newest.

    Attributes:
        is_empty: nothing came yet, or since ``clear``.
        newest: the newest number, when anything came.
    """

    def __init__(self) -> None:
        self.is_empty = True
        self.newest = 0
        self._bits = [0] * 32  # number modulo 2048 → whether it came

    def clear(self) -> None:
        """The sender begins its numbering anew: nothing came of it."""
        self.is_empty = True

    def add(self, sequence_number: int) -> bool:
        """Takes note of a packet; False when it came before, or is so old that nobody knows."""
        step = (sequence_number - self.newest) & 0xFFFF
        if self.is_empty or _SIZE <= step < 0x8000:
            for word in range(_WORDS):
                self._bits[word] = 0
            self.is_empty = False
            self.newest = sequence_number
        elif step < 0x8000:
            for ahead in range(1, step + 1):  # their bits are those of the numbers 2048 before
                place = (self.newest + ahead) & _PLACE
                bit = 1
                self._bits[place >> 6] &= ~(bit << (place & 63))
            self.newest = sequence_number
        elif 0x10000 - step >= _SIZE:
            return False
        place = sequence_number & _PLACE
        bit = 1
        bit = bit << (place & 63)
        if self._bits[place >> 6] & bit:
            return False
        self._bits[place >> 6] |= bit
        return True

    def has(self, sequence_number: int) -> bool:
        """Whether a packet has come, of the last 2048 numbers."""
        if self.is_empty or ((self.newest - sequence_number) & 0xFFFF) >= _SIZE:
            return False
        place = sequence_number & _PLACE
        return (self._bits[place >> 6] >> (place & 63)) & 1 == 1
