"""How the network behaves in one run: how late, how often twice, and how much is lost."""

from __future__ import annotations

from random import Random
from typing import NamedTuple, Self


class Weather(NamedTuple):
    """One run's network and software.

    Attributes:
        latency_s: The usual time of a message.
        jitter_s: By how much it is longer at most, usually.
        late: The share of messages that need much longer.
        late_s: By how much at most.
        lost: The share of messages from the store that never arrive.
        repeated: The share that arrive twice.
        ordered: Whether what one node hears comes in the order in which it was said.
        step_s: How long a worker needs for one step of a plan, at most.
        step_fails: The share of steps that fail.
        coded: The share of facts that pass through JSON.
        clocks_apart_s: By how much the clocks of hosts are wrong at most.
    """

    latency_s: float = 0.002
    jitter_s: float = 0.01
    late: float = 0.0
    late_s: float = 0.0
    lost: float = 0.0
    repeated: float = 0.0
    ordered: bool = True
    step_s: float = 0.02
    step_fails: float = 0.0
    coded: float = 0.05
    clocks_apart_s: float = 0.0

    @classmethod
    def of(cls, random: Random) -> Self:
        """Some weather: a third of the runs have a good network, the others are bad in one or several ways."""
        if random.random() < 0.33:
            return cls()
        return cls(
            latency_s=random.choice((0.001, 0.005, 0.05)),
            jitter_s=random.choice((0.0, 0.01, 0.2)),
            late=random.choice((0.0, 0.01, 0.1)),
            late_s=random.choice((0.5, 3.0)),
            lost=random.choice((0.0, 0.001, 0.02)),
            repeated=random.choice((0.0, 0.01, 0.1)),
            ordered=random.random() < 0.4,
            step_s=random.choice((0.005, 0.05, 0.5)),
            step_fails=random.choice((0.0, 0.01, 0.1)),
            clocks_apart_s=random.choice((0.0, 1.0, 300.0)),
        )

    def delay_s(self, random: Random) -> float:
        """How long one message is on its way."""
        delay_s = self.latency_s + random.random() * self.jitter_s
        if self.late and random.random() < self.late:
            delay_s += random.random() * self.late_s
        return delay_s
