# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""The score of a stream, 0 (nothing arrives) to 10 (nothing is lost), as mediasoup gives it.

Each report yields one sample out of what was sent, lost and repaired since the one before; the score is their weighted
mean, the newest weighing most.
"""

from __future__ import annotations

_MAX_SCORE = 10  # C numbers in the .pxd
_HISTORY = 24


class StreamScore:
    """The weighted mean of a stream's latest samples, at most 24.

    Attributes:
        value: 0 to 10.
    """

    def __init__(self) -> None:
        self.value = _MAX_SCORE
        self._count = 0
        self._samples = [0] * 24  # _HISTORY; the oldest first

    def add(self, sample: int) -> bool:
        """Takes one more sample, 0 to 10; True when the score has changed."""
        if self._count == _HISTORY:
            for index in range(1, _HISTORY):
                self._samples[index - 1] = self._samples[index]
            self._count -= 1
        self._samples[self._count] = sample
        self._count += 1
        total = 0
        for index in range(self._count):
            total += (index + 1) * self._samples[index]
        weights = self._count * (self._count + 1) // 2
        return self._set((2 * total + weights) // (2 * weights))

    def reset(self, value: int) -> bool:
        """Forgets the samples; True when the score has changed."""
        self._count = 0
        return self._set(value)

    def _set(self, value: int) -> bool:
        changed = value != self.value
        self.value = value
        return changed


def sample_of(packets: int, lost: int, repaired: int, retransmitted: int) -> int:
    """The sample of an interval with so many packets, at least one, of which so many were lost, and repaired.

    A repaired packet counts less than one that was never lost, the less the more was sent in vain.
    """
    share = 1.0 / (repaired * 1.0 / packets + 1.0)
    weight = share * share * share * share
    if retransmitted > 0 and repaired < retransmitted:
        weight *= repaired * 1.0 / retransmitted
    share = (packets - (lost - repaired * weight)) / packets
    return int(share * share * share * share * _MAX_SCORE + 0.5)


def outbound_sample(sent: int, lost: int, repaired: int, retransmitted: int) -> int:
    """The sample of an interval of a sent stream, by what its receiver reports, be it sense or not."""
    if sent <= 0:
        return _MAX_SCORE
    lost = min(max(lost, 0), sent)
    return sample_of(sent, lost, min(repaired, lost), retransmitted)
