# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Congestion control: slow start, congestion avoidance, fast recovery (RFC 9260 section 7.2)."""

from __future__ import annotations

PATH_MTU = 1200  # of the SCTP packet, as the reference worker sets it
INITIAL_WINDOW = 4404  # RFC 9260 section 7.2.1: min(4 MTU, max(2 MTU, 4404))
MAX_BURST = 4  # packets that one event may set free, RFC 9260 section 6.1 D


class CongestionControl:
    """The congestion window of the one path.

    Attributes:
        window: cwnd, bytes.
        threshold: ssthresh, bytes.
        in_fast_recovery: until ``recovery_exit`` is acknowledged.
        recovery_exit: unwrapped TSN.
    """

    def __init__(self, peer_window: int) -> None:
        self.window = 4404
        self.threshold = max(peer_window, 4404)
        self.in_fast_recovery = False
        self.recovery_exit = 0
        self._partial_bytes_acked = 0

    def on_acknowledged(self, acked: int, flight_before: int, cumulative: int) -> None:
        """A SACK moved the cumulative TSN.

        Args:
            acked: bytes it acknowledged for the first time.
            flight_before: bytes that were in flight before it.
            cumulative: unwrapped.
        """
        if self.in_fast_recovery:
            if cumulative >= self.recovery_exit:
                self.in_fast_recovery = False
            return
        if self.window <= self.threshold:
            if flight_before + 1200 > self.window:
                self.window += min(acked, 1200)
            return
        self._partial_bytes_acked += acked
        if self._partial_bytes_acked >= self.window and flight_before + 1200 > self.window:
            self._partial_bytes_acked -= self.window
            self.window += 1200
        if self._partial_bytes_acked > self.window:
            self._partial_bytes_acked = self.window

    def on_all_acknowledged(self) -> None:
        """Nothing is in flight any more."""
        self._partial_bytes_acked = 0

    def on_fast_retransmit(self, highest_tsn: int) -> None:
        """Chunks were reported missing three times; ``highest_tsn`` is the highest unwrapped one in flight."""
        if self.in_fast_recovery:
            return
        self.threshold = max(self.window // 2, 4800)
        self.window = self.threshold
        self._partial_bytes_acked = 0
        self.in_fast_recovery = True
        self.recovery_exit = highest_tsn

    def on_timeout(self) -> None:
        """T3-rtx expired."""
        self.threshold = max(self.window // 2, 4800)
        self.window = 1200
        self._partial_bytes_acked = 0
        self.in_fast_recovery = False

    def on_idle(self) -> None:
        """Nothing was sent for a retransmission timeout (section 7.2.1)."""
        self.window = max(self.window // 2, 4800)
