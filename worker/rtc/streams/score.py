"""What a received stream's score is made of: each report of its sender yields one sample (``rtp/stream_score.py``)."""

from __future__ import annotations

from dataclasses import dataclass

from miso.worker.rtp.stream_score import sample_of

MAX_SCORE = 10


@dataclass(frozen=True, slots=True)
class LossCounters:
    """What a received stream has counted since it began; the difference of two makes a sample."""

    expected: int = 0  # packets
    received: int = 0  # what came as media, not by repair
    repaired: int = 0
    retransmitted: int = 0


def inbound_sample(before: LossCounters, now: LossCounters, *, has_rtx: bool) -> int:
    """The sample of an interval of a received stream."""
    expected = now.expected - before.expected
    received = now.received - before.received
    if expected <= 0 or received <= 0:
        return MAX_SCORE if expected <= 0 else 0
    lost = min(max(expected - received, 0), received)
    repaired = now.repaired - before.repaired
    if repaired > lost:
        if has_rtx:
            repaired = lost
        else:
            lost = min(repaired, received)
            repaired = lost
    return sample_of(received, lost, repaired, now.retransmitted - before.retransmitted)
