# cython: language_level=3, annotation_typing=False
"""The measurement of round trips: on one chunk at a time, that was sent once (RFC 9260 section 6.3.1 C4, C5)."""

from __future__ import annotations

from miso.worker.sctp.sending.sent_chunk import SentChunk


class RoundTripSample:
    """The chunk whose answer is awaited, if any."""

    def __init__(self) -> None:
        self._tsn = 0  # unwrapped, 0 for none
        self._sent_us = 0

    def is_running(self) -> bool:
        """Whether a chunk's answer is awaited."""
        return self._tsn != 0

    def start(self, tsn: int, now_us: int) -> None:
        """A chunk leaves for the first time; it is the one when there is no other."""
        if self._tsn == 0:
            self._tsn = tsn
            self._sent_us = now_us

    def forget(self, chunk: SentChunk) -> None:
        """A chunk is sent again, or will be: its answer tells nothing."""
        if chunk.tsn == self._tsn:
            self._tsn = 0

    def stop(self) -> None:
        """No answer is awaited any more."""
        self._tsn = 0

    def stop_before(self, cumulative: int) -> None:
        """No answer is awaited to what this unwrapped TSN acknowledges."""
        if self._tsn <= cumulative:
            self._tsn = 0

    def take(self, chunk: SentChunk, now_us: int) -> int:
        """The round-trip time when the chunk that was acknowledged is the one and was sent once, else -1."""
        if chunk.tsn != self._tsn:
            return -1
        self._tsn = 0
        return now_us - self._sent_us if chunk.transmits == 1 else -1
