"""The score of a stream, 0 (nothing arrives) to 10 (nothing is lost), as mediasoup gives it.

Each receiver or sender report yields one sample out of what was expected, lost and repaired since the one before; the
score is their weighted mean, the newest weighing most.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

MAX_SCORE = 10
_HISTORY_LENGTH = 24


class StreamScore:
    """The weighted mean of a stream's latest samples."""

    def __init__(self) -> None:
        self.value = MAX_SCORE
        self._samples: deque[int] = deque(maxlen=_HISTORY_LENGTH)

    def add(self, sample: int) -> bool:
        """Takes one more sample, 0..10; True when the score has changed."""
        self._samples.append(sample)
        total = sum(weight * value for weight, value in enumerate(self._samples, 1))
        weights = len(self._samples) * (len(self._samples) + 1) // 2
        return self._set((2 * total + weights) // (2 * weights))

    def reset(self, value: int) -> bool:
        """Forgets the samples; True when the score has changed."""
        self._samples.clear()
        return self._set(value)

    def _set(self, value: int) -> bool:
        changed = value != self.value
        self.value = value
        return changed


@dataclass(frozen=True, slots=True)
class LossCounters:
    """What a stream has counted since it began; the difference of two makes a sample."""

    packets: int = 0  # expected (inbound: see ``received``) or sent
    received: int = 0  # inbound only: what came as media, not by repair
    lost: int = 0  # outbound only: what the receiver reports, never negative
    repaired: int = 0
    retransmitted: int = 0


def inbound_sample(before: LossCounters, now: LossCounters, *, has_rtx: bool) -> int:
    """The sample of an interval of a received stream."""
    expected = now.packets - before.packets
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
    return _sample(received, lost, repaired, now.retransmitted - before.retransmitted)


def outbound_sample(before: LossCounters, now: LossCounters) -> int:
    """The sample of an interval of a sent stream, out of a receiver report."""
    sent = now.packets - before.packets
    if sent <= 0:
        return MAX_SCORE
    lost = min(max(now.lost - before.lost, 0), sent)
    repaired = min(now.repaired - before.repaired, lost)
    return _sample(sent, lost, repaired, now.retransmitted - before.retransmitted)


def _sample(packets: int, lost: int, repaired: int, retransmitted: int) -> int:
    # A repaired packet counts less than one that was never lost, the less the more was sent in vain.
    weight = (1 / (repaired / packets + 1)) ** 4
    if retransmitted > 0:
        weight *= min(repaired / retransmitted, 1.0)
    delivered = (packets - (lost - repaired * weight)) / packets
    return int(delivered**4 * MAX_SCORE + 0.5)
