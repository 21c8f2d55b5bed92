# cython: language_level=3, annotation_typing=False, cdivision=True
"""Tail loss probes, as TCP has them (RFC 8985).

What is not acknowledged is sent once more before the retransmission timeout, and the answer tells what was lost.
"""

from __future__ import annotations


class TailLossProbe:
    """The last probe, until it is answered.

    Attributes:
        count: how many were sent since the cumulative TSN moved last.
        end: chunks before this unwrapped TSN had left when the probe was sent; 0 when none waits for its answer.
    """

    def __init__(self) -> None:
        self.count = 0
        self.end = 0
        self._sent_us = 0
        self._round_trip_us = 0  # what it was thought to be when the probe was sent

    def begin(self, now_us: int, round_trip_us: int) -> None:
        """A probe is made."""
        self.count += 1
        self.end = 0
        self._sent_us = now_us
        self._round_trip_us = round_trip_us

    def is_answered(self, was_repeated: bool, now_us: int) -> bool:
        """Whether the cumulative TSN moves at this time because of the probe, and not of what had left before it.

        That is so with the report of a repetition, and after three to six quarters of a round trip.
        """
        quarter_us = self._round_trip_us // 4
        return was_repeated or 3 * quarter_us <= now_us - self._sent_us <= 6 * quarter_us

    def is_overtaken(self, sent_us: int) -> bool:
        """Whether a chunk had left well before the probe that was answered: it is lost (RFC 8985 section 6.2)."""
        return sent_us < self._sent_us - self._round_trip_us // 4
