"""What was measured, and whether it is as promised, or the machine had too much else to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

from bench.figures import percentile
from bench.goals import GOALS
from bench.processes import BUSY_WAIT


@dataclass(frozen=True, slots=True)
class Turn:
    """One of several, quiet or with joins.

    Attributes:
        added_us: How much later each packet came at each receiver than it was sent, sorted.
        expected: Packets that should have arrived.
        arrived: Packets that did.
        waited_share: So long the worker waited for a core, for each second that it had one.
    """

    added_us: list[float]
    expected: int
    arrived: int
    waited_share: float


@dataclass(slots=True)
class Latency:
    """What was measured of one worker, in turns.

    Attributes:
        worker: Its name.
        receivers: How many.
        quiet: The turns in which nobody came.
        joins: The turns in which people joined and left, each right after a quiet one.
        asked: How many were to join.
        joined: How many did.
        in_time: How many of them before their turn was over.
        left: How many have left.
    """

    worker: str
    receivers: int
    quiet: list[Turn] = field(default_factory=list)
    joins: list[Turn] = field(default_factory=list)
    asked: int = 0
    joined: int = 0
    in_time: int = 0
    left: int = 0

    @property
    def expected(self) -> int:
        """Packets that should have arrived."""
        return sum(turn.expected for turn in self.quiet + self.joins)

    @property
    def lost(self) -> int:
        """Packets that did not arrive."""
        return self.expected - sum(turn.arrived for turn in self.quiet + self.joins)

    def ratio(self, share: float) -> float:
        """How many times as late as in the quiet turn before: the median of the turns."""
        return median(
            percentile(busy.added_us, share) / percentile(quiet.added_us, share)
            for quiet, busy in zip(self.quiet, self.joins, strict=True)
        )

    def shown(self) -> dict[str, float]:
        """The figures that have goals."""
        return {"joins-p99": self.ratio(0.99), "joins-max": longest_us(self.joins) / 1000}


def late_us(turns: list[Turn], share: float) -> float:
    """So large a share of the packets came no later than this: the median of the turns."""
    return median(percentile(turn.added_us, share) for turn in turns)


def longest_us(turns: list[Turn]) -> float:
    """What the latest packet of all turns took; infinite when none came."""
    return max((turn.added_us[-1] for turn in turns if turn.added_us), default=float("inf"))


def waited_share(turns: list[Turn]) -> float:
    """So long the worker waited for a core in the worst turn, for each second that it had one."""
    return max(turn.waited_share for turn in turns)


def missing(latency: Latency) -> list[str]:
    """A sentence for what is lost, and for guests who did not join or leave."""
    found = []
    if latency.lost:
        found.append(f"{latency.worker}: {latency.lost} of {latency.expected} packets lost")
    if (latency.joined, latency.left) != (latency.asked, latency.asked):
        found.append(f"{latency.worker}: {latency.joined} of {latency.asked} joined, {latency.left} left")
    return found


def loaded(latency: Latency) -> bool:
    """Whether others had the cores, so that what was late proves nothing."""
    return (
        waited_share(latency.quiet + latency.joins) > BUSY_WAIT
        or longest_us(latency.quiet) / 1000 > GOALS["joins-max"].most
        or latency.in_time < latency.asked - len(latency.joins)  # the last one of a turn may be late
    )
