"""A forwarded video stream, and probation, over a link of limited rate to a receiver that sends feedback; seeded."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

FRAME_US = 33_333
PACKET_BYTES = 1200
STEP_US = 1_000


class Estimator(Protocol):
    """The part of ``SendSideEstimator`` that a link feeds."""

    rtt_ms: float

    def on_sent(self, sequence_number: int, size: int, now_us: int) -> None: ...
    def probation_due(self, now_us: int) -> int: ...
    def on_feedback(self, body: bytes, size: int, now_us: int) -> int: ...
    def set_limits(self, min_bitrate_bps: float, max_bitrate_bps: float, probing: bool, now_us: int) -> None: ...
    def on_tick(self, now_us: int) -> None: ...
    def bitrate(self) -> float: ...


class Feedback(Protocol):
    """The part of ``TransportFeedback`` that the receiver uses."""

    def on_packet(self, sequence_number: int, arrival_us: int) -> None: ...
    def poll(self, now_us: int, sender_ssrc: int) -> list[bytes]: ...


@dataclass
class Sample:
    """One second of the run: the estimate at its end, what was sent, the longest wait in the link's queue."""

    estimate_bps: float
    media_bps: float
    probation_bps: float
    queue_ms: float


@dataclass
class SendLink:
    """Frames as large as ``source(second, estimate)`` says, a queue that drops its tail, a path with delay and jitter.

    A burst of a frame's packets leaves at once: a forwarder does not pace.
    """

    estimator: Estimator
    feedback: Feedback
    capacity_bps: Callable[[float], float]
    source: Callable[[float, float], float]
    seed: int = 1
    delay_us: int = 25_000
    jitter_us: int = 1_000
    loss: Callable[[float], float] = lambda _: 0.0
    feedback_lost: Callable[[float], bool] = lambda _: False
    queue_limit_us: int = 400_000
    key_frame_every: int = 0  # frames; such a frame is four times as large
    first_number: int = 65_000
    samples: list[Sample] = field(default_factory=list)

    def run(self, seconds: int) -> list[Sample]:
        """One sample per second."""
        self._random = random.Random(self.seed)
        self._free_us = 0.0
        self._number = self.first_number
        self._arrivals: list[tuple[int, int, int]] = []
        self._last_arrival_us = 0
        self._queue_us = 0.0
        reports: list[tuple[int, bytes]] = []
        media_bytes = probation_bytes = frame = 0
        for now_us in range(0, seconds * 1_000_000, STEP_US):
            second = now_us / 1e6
            while reports and reports[0][0] <= now_us:
                body = reports.pop(0)[1][4:]
                assert self.estimator.on_feedback(body, len(body), now_us) == 0
            while self._arrivals and self._arrivals[0][0] <= now_us:
                arrival_us, _, number = heapq.heappop(self._arrivals)
                self.feedback.on_packet(number, arrival_us)
            for packet in self.feedback.poll(now_us, 1):
                if not self.feedback_lost(second):
                    reports.append((now_us + self.delay_us, packet))
            if now_us >= frame * FRAME_US:
                bitrate_bps = self.source(second, self.estimator.bitrate())
                frame_bytes = max(100, int(bitrate_bps / 8 / 30 * self._random.uniform(0.7, 1.3)))
                if self.key_frame_every and frame % self.key_frame_every == 0:
                    frame_bytes *= 4
                frame += 1
                media_bytes += frame_bytes
                while frame_bytes > 0:
                    size = min(PACKET_BYTES, frame_bytes)
                    frame_bytes -= size
                    self._send(size, now_us)
            size = self.estimator.probation_due(now_us)
            while size > 0:
                probation_bytes += size
                self._send(size, now_us)
                size = self.estimator.probation_due(now_us)
            if now_us % 1_000_000 == 1_000_000 - STEP_US:
                self.estimator.on_tick(now_us)
                self.samples.append(
                    Sample(self.estimator.bitrate(), media_bytes * 8, probation_bytes * 8, self._queue_us / 1000)
                )
                media_bytes = probation_bytes = 0
                self._queue_us = 0.0
        return self.samples

    def _send(self, size: int, now_us: int) -> None:
        self.estimator.on_sent(self._number, size, now_us)
        number = self._number
        self._number = (self._number + 1) & 0xFFFF
        begin_us = max(self._free_us, now_us)
        self._queue_us = max(self._queue_us, begin_us - now_us)
        if begin_us - now_us > self.queue_limit_us:
            return
        self._free_us = begin_us + size * 8 * 1e6 / self.capacity_bps(now_us / 1e6)
        if self._random.random() < self.loss(now_us / 1e6):
            return
        arrival_us = int(self._free_us) + self.delay_us + self._random.randrange(self.jitter_us)
        self._last_arrival_us = max(self._last_arrival_us, arrival_us)
        heapq.heappush(self._arrivals, (self._last_arrival_us, self._number, number))
