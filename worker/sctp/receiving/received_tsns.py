# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Which TSNs have come: the cumulative one, and a bitmap of those beyond it (RFC 9260 section 3.3.4).

TSNs are unwrapped to 64 bits at the edge, so that inside they compare like numbers. The bitmap covers 8192 TSNs beyond
the cumulative one; what is further is not taken. So nothing here grows, and nothing costs more than a walk over 128
words of 64 bits: the word of a TSN is its number without the lowest six bits, the bit in it those six.
"""

from __future__ import annotations

from miso.worker.sctp import enums


class ReceivedTsns:
    """The receiver's account of TSNs.

    Attributes:
        cumulative: all up to this one have come, unwrapped (a multiple of 2^32 is added to what stands in chunks).
        highest: the highest that has come, unwrapped.
    """

    def __init__(self, initial_tsn: int) -> None:
        self.cumulative = (1 << 32) + initial_tsn - 1
        self.highest = self.cumulative
        self._words = [0] * 128  # TSN_WORDS: only digits make an array of C, and only the right ones compile
        self._duplicates: list[int] = []

    def unwrap(self, tsn: int) -> int:
        """The unwrapped TSN next to the cumulative one."""
        step = (tsn - self.cumulative) & 0xFFFFFFFF
        if step >= 0x80000000:
            step -= 0x100000000
        return self.cumulative + step

    def look_up(self, tsn: int) -> int:
        """``NEW``, ``DUPLICATE`` (it has come) or ``BEYOND_WINDOW``."""
        if tsn <= self.cumulative:
            return enums.DUPLICATE
        if tsn > self.cumulative + enums.TSN_WINDOW:
            return enums.BEYOND_WINDOW
        if self._has(tsn):
            return enums.DUPLICATE
        return enums.NEW

    def add(self, tsn: int) -> None:
        """Takes note of a ``NEW`` one."""
        if tsn > self.highest:
            self.highest = tsn
        if tsn == self.cumulative + 1:
            self.cumulative = tsn
            self._take_in()
            return
        mask = 1
        mask <<= tsn & 63
        self._words[(tsn >> 6) % enums.TSN_WORDS] |= mask

    def add_duplicate(self, tsn: int) -> None:
        """Takes note of a 32-bit TSN that came again, for the next SACK; the first 32 of them."""
        if len(self._duplicates) < enums.MAX_DUPLICATES:
            self._duplicates.append(tsn)

    def take_duplicates(self) -> list[int]:
        """Those since the last call."""
        duplicates = self._duplicates
        if duplicates:
            self._duplicates = []
        return duplicates

    def forward(self, tsn: int) -> list[int]:
        """Skips all up to a TSN beyond the cumulative one (RFC 3758 section 3.6).

        Returns:
            Of the skipped ones those that had come, ascending.
        """
        came = []
        position = self.cumulative + 1
        last = tsn if tsn < self.highest else self.highest
        while position <= last:
            if self._begins_empty_word(position):
                position += 64
                continue
            if self._has(position):
                came.append(position)
                self._clear(position)
            position += 1
        self.cumulative = tsn
        if self.highest < tsn:
            self.highest = tsn
        else:
            self._take_in()
        return came

    def gap_blocks(self, limit: int) -> list[int]:
        """Runs beyond the cumulative TSN, as offsets to it: first, last, first, last, …; at most ``limit`` runs."""
        blocks: list[int] = []
        position = self.cumulative + 1
        count = 0
        while position <= self.highest and count < limit:
            if self._begins_empty_word(position):
                position += 64
                continue
            if not self._has(position):
                position += 1
                continue
            first = position
            while position <= self.highest and self._has(position):
                position += 1
            blocks.append(first - self.cumulative)
            blocks.append(position - 1 - self.cumulative)
            count += 1
        return blocks

    def _take_in(self) -> None:
        while self.cumulative < self.highest and self._has(self.cumulative + 1):
            self.cumulative += 1
            self._clear(self.cumulative)

    def _begins_empty_word(self, tsn: int) -> bool:
        """Whether neither it nor one of the 63 after it has come."""
        return tsn & 63 == 0 and self._words[(tsn >> 6) % enums.TSN_WORDS] == 0

    def _has(self, tsn: int) -> bool:
        return (self._words[(tsn >> 6) % enums.TSN_WORDS] >> (tsn & 63)) & 1 != 0

    def _clear(self, tsn: int) -> None:
        mask = 1
        mask <<= tsn & 63
        self._words[(tsn >> 6) % enums.TSN_WORDS] &= ~mask
