"""RTP packets on their way to a worker: not more at a time than its socket, and viewers' networks, take."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from miso.live.clock import Clock, Timer

BURST_BYTES: Final = 48_000
"""What goes at once. A worker's socket holds some hundred packets until it is read."""
RATE_BYTES_PER_S: Final = 5_000_000
"""What goes from then on: 40 Mbit/s."""
MAX_WAITING_BYTES: Final = 16_000_000
"""Beyond it everything that waits is thrown away: twice what is ever sent again at once."""
_TICK_S = 0.005


class SendQueue:
    """Sends packets in their order, a burst at once and the rest at a bounded rate.

    Attributes:
        dropped: Packets that were thrown away.

    Args:
        clock: The time.
        send: Sends one.
    """

    def __init__(self, clock: Clock, send: Callable[[bytes], None]) -> None:
        self.dropped = 0
        self._clock = clock
        self._send = send
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._allowance = float(BURST_BYTES)
        self._allowed_at_s = clock.time()
        self._timer: Timer | None = None

    def put(self, packets: Iterable[bytes]) -> bool:
        """Sends packets now or soon; False: too many wait, all of them are thrown away."""
        for packet in packets:
            self._waiting.append(packet)
            self._waiting_bytes += len(packet)
        if self._waiting_bytes > MAX_WAITING_BYTES:
            self.dropped += len(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            return False
        if self._timer is None:
            self._go_on()
        return True

    def close(self) -> None:
        """Sends nothing more."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_on(self) -> None:
        self._timer = None
        now_s = self._clock.time()
        gained = (now_s - self._allowed_at_s) * RATE_BYTES_PER_S
        self._allowance, self._allowed_at_s = min(float(BURST_BYTES), self._allowance + gained), now_s
        while self._waiting and self._allowance > 0:
            packet = self._waiting.popleft()
            self._waiting_bytes -= len(packet)
            self._allowance -= len(packet)
            self._send(packet)
        if self._waiting:
            self._timer = self._clock.call_later(_TICK_S, self._go_on)
