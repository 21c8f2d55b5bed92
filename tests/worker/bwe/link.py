"""A video sender that follows the receiver's estimate over a link of limited rate, seeded."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

FRAME_US = 33_333
PACKET_BYTES = 1200
LARGEST_RATE_BPS = 8_000_000


class Estimator(Protocol):
    """The part of ``RemoteBitrateEstimator`` that a link feeds."""

    def on_packet(self, abs_send_time: int, arrival_us: int, size: int) -> None: ...
    def poll(self, now_us: int) -> int: ...


@dataclass
class Sample:
    """One second of the run."""

    estimate_bps: int
    queue_ms: float


@dataclass
class Link:
    """Frames of about equal size, a queue that drops its tail, a path with delay and jitter, reports back."""

    estimator: Estimator
    capacity_bps: Callable[[float], float]
    seed: int = 1
    delay_us: int = 25_000
    jitter_us: int = 1_000
    loss: float = 0.0
    queue_limit_us: int = 400_000
    start_bps: int = 300_000
    limit_bps: int = LARGEST_RATE_BPS
    samples: list[Sample] = field(default_factory=list)

    def run(self, seconds: int) -> list[Sample]:
        """One sample per second."""
        random_ = random.Random(self.seed)
        rate_bps = self.start_bps
        free_us = 0.0  # when the link has sent everything in its queue
        reports: list[tuple[int, int]] = []
        arrivals: list[tuple[int, int, int]] = []
        last_arrival_us = 0
        for frame in range(seconds * 30):
            now_us = frame * FRAME_US
            while reports and reports[0][0] <= now_us:
                rate_bps = min(reports.pop(0)[1], self.limit_bps)
            waiting_us = 0.0
            frame_bytes = max(100, int(rate_bps / 8 / 30 * random_.uniform(0.7, 1.3)))
            sent_us = now_us
            while frame_bytes > 0:
                size = min(PACKET_BYTES, frame_bytes)
                frame_bytes -= size
                sent_us += 200  # a pacer
                begin_us = max(free_us, sent_us)
                waiting_us = begin_us - sent_us
                if waiting_us > self.queue_limit_us:
                    continue
                free_us = begin_us + size * 8 * 1e6 / self.capacity_bps(now_us / 1e6)
                if random_.random() < self.loss:
                    continue
                arrival_us = int(free_us) + self.delay_us + random_.randrange(self.jitter_us)
                last_arrival_us = max(last_arrival_us, arrival_us)
                arrivals.append((last_arrival_us, sent_us * 262144 // 1_000_000 & 0xFFFFFF, size))
            while arrivals and arrivals[0][0] <= now_us + FRAME_US:
                arrival_us, send_time, size = arrivals.pop(0)
                self.estimator.on_packet(send_time, arrival_us, size)
                estimate = self.estimator.poll(arrival_us)
                if estimate >= 0:
                    reports.append((arrival_us + self.delay_us, estimate))
            if frame % 30 == 29:
                self.samples.append(Sample(rate_bps, waiting_us / 1000))
        return self.samples
