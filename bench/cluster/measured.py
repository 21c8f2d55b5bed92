"""What was measured: of a pipe, and of a large room."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from bench.figures import percentile


@dataclass
class Turn:
    """One of several measurements, one right after the other.

    Attributes:
        packets: How many were sent.
        lost: How many of those that came at the publisher's worker did not come behind the pipe.
        floor_lost: How many of them did not come behind the relay.
        added_us: By how much later each came than at the publisher's worker, sorted.
        floor_us: The same behind the relay.
    """

    packets: int
    lost: int
    floor_lost: int
    added_us: list[float]
    floor_us: list[float]


@dataclass
class Hop:
    """What was measured.

    Attributes:
        encrypted: Whether the pipe was.
        turns: When packets came.
        receiving_cpu_us: Of the worker behind the pipe, which sends to one receiver, for each packet.
        floor_cpu_us: Of the relay.
        sending_cpu_us: Of the publisher's worker, for each packet, by how much more than without the pipe.
    """

    encrypted: bool
    turns: list[Turn]
    receiving_cpu_us: float
    floor_cpu_us: float
    sending_cpu_us: float

    @property
    def packets(self) -> int:
        """How many were sent."""
        return sum(turn.packets for turn in self.turns)

    @property
    def lost(self) -> int:
        """How many did not arrive behind the pipe."""
        return sum(turn.lost for turn in self.turns)

    @property
    def floor_lost(self) -> int:
        """How many did not arrive behind the relay."""
        return sum(turn.floor_lost for turn in self.turns)

    def added_us(self, share: float) -> float:
        """So large a share of the packets came no later than this: the median of the turns."""
        return median(percentile(turn.added_us, share) for turn in self.turns)

    def floor_us(self, share: float) -> float:
        """The same behind the relay."""
        return median(percentile(turn.floor_us, share) for turn in self.turns)

    def ratio(self, share: float) -> float:
        """How many times as late as behind the relay, in the same turn: the median of the turns."""
        return median(percentile(turn.added_us, share) / percentile(turn.floor_us, share) for turn in self.turns)


@dataclass
class Spread:
    """What was measured.

    Attributes:
        viewers: How many each worker has.
        cpu_share: Of one core that each worker used: the median of several turns.
        waited_share: So long, for each second of CPU that they used, the workers waited for a core: others had it.
        expected: How many packets each viewer should have got.
        arrived: How many each got.
        missing: How many each missed, by the sequence numbers of what it got.
        again: How many of what each got were not new to it.
    """

    viewers: list[int]
    cpu_share: list[float]
    waited_share: float
    expected: int
    arrived: list[int]
    missing: list[int]
    again: list[int]

    @property
    def difference(self) -> float:
        """By what share of the larger the CPU of the workers differs."""
        return (max(self.cpu_share) - min(self.cpu_share)) / max(self.cpu_share)

    @property
    def lost(self) -> int:
        """How many packets did not come, of all viewers'."""
        return self.expected * len(self.arrived) - sum(self.arrived)
