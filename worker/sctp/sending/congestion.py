# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Congestion control: slow start, congestion avoidance, fast recovery (RFC 9260 section 7.2)."""

from __future__ import annotations

from miso.worker.sctp import enums


class CongestionControl:
    """The congestion window of the one path.

    Attributes:
        window: cwnd, bytes.
        threshold: ssthresh, bytes.
        in_fast_recovery: until ``recovery_exit`` is acknowledged.
        recovery_exit: unwrapped TSN.
    """

    def __init__(self, peer_window: int) -> None:
        self.window = enums.INITIAL_WINDOW
        self.threshold = max(peer_window, enums.INITIAL_WINDOW)
        self.in_fast_recovery = False
        self.recovery_exit = 0
        self._partial_bytes_acked = 0  # towards the next step of congestion avoidance

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
            if flight_before + enums.PATH_MTU > self.window:
                self.window += min(acked, enums.PATH_MTU)
            return
        self._partial_bytes_acked += acked
        if self._partial_bytes_acked >= self.window and flight_before + enums.PATH_MTU > self.window:
            self._partial_bytes_acked -= self.window
            self.window += enums.PATH_MTU
        if self._partial_bytes_acked > self.window:
            self._partial_bytes_acked = self.window

    def on_all_acknowledged(self) -> None:
        """Nothing is in flight any more."""
        self._partial_bytes_acked = 0

    def on_fast_retransmit(self, highest_tsn: int) -> None:
        """Chunks are lost; ``highest_tsn`` is the highest one that has left, unwrapped."""
        if self.in_fast_recovery:
            return
        self.threshold = max(self.window // 2, enums.MIN_THRESHOLD)
        self.window = self.threshold
        self._partial_bytes_acked = 0
        self.in_fast_recovery = True
        self.recovery_exit = highest_tsn

    def on_timeout(self) -> None:
        """T3-rtx expired."""
        self.threshold = max(self.window // 2, enums.MIN_THRESHOLD)
        self.window = enums.PATH_MTU
        self._partial_bytes_acked = 0
        self.in_fast_recovery = False

    def on_idle(self) -> None:
        """Nothing was sent for a retransmission timeout (section 7.2.1)."""
        self.window = max(self.window // 2, enums.MIN_THRESHOLD)
