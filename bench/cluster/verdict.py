"""What a run shows: that all is as promised, that something is not, or that the machine had too much else to do."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.cluster.measured import Hop, Spread
from bench.processes import BUSY_WAIT

MAX_ADDED_US = 1000.0
"""What a pipe may add to 99 of 100 packets."""
MAX_RATIO = 1.5
"""Or so many times what the relay in C adds to them at the same time."""
BUSY_RELAY_US = 500.0
"""A relay in C that adds more than this to one of 100 packets waits for a core: on an idle machine it is 200."""
MAX_DIFFERENCE = 0.25
"""By so much of the larger share the CPU of workers may differ."""


@dataclass
class Verdict:
    """What was found.

    Attributes:
        wrong: A sentence for each thing that is not as promised.
        unclear: A sentence for each thing that cannot be told, since the machine was too loaded.
    """

    wrong: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)

    def add(self, sentence: str, *, loaded: bool) -> None:
        """Something is not as promised; ``loaded``: others had the cores meanwhile, so that it proves nothing."""
        (self.unclear if loaded else self.wrong).append(sentence)


def judge_hop(hop: Hop, verdict: Verdict) -> None:
    """Whether a pipe loses nothing and adds little."""
    added_us, floor_us = hop.added_us(0.99), hop.floor_us(0.99)
    loaded = not floor_us <= BUSY_RELAY_US or hop.floor_lost > 0
    if hop.lost:
        verdict.add(
            f"{hop.lost} of {hop.packets} packets were lost in the pipe, {hop.floor_lost} in the relay", loaded=loaded
        )
    if not (added_us <= MAX_ADDED_US or hop.ratio(0.99) <= MAX_RATIO):
        verdict.add(
            f"the pipe adds {added_us:.0f} µs to 99 of 100 packets, {MAX_ADDED_US:.0f} are allowed; "
            f"the relay adds {floor_us:.0f} µs",
            loaded=loaded,
        )


def judge_spread(spread: Spread, verdict: Verdict) -> None:
    """Whether every viewer got every packet, and workers share the work."""
    poor = sum(
        (arrived, missing, again) != (spread.expected, 0, 0)
        for arrived, missing, again in zip(spread.arrived, spread.missing, spread.again, strict=True)
    )
    if poor:
        verdict.add(
            f"{poor} of {len(spread.arrived)} viewers did not get each of {spread.expected} packets once: "
            f"{min(spread.arrived)} to {max(spread.arrived)} came, up to {max(spread.missing)} are missing, "
            f"up to {max(spread.again)} came again",
            loaded=False,
        )
    if spread.difference > MAX_DIFFERENCE:
        verdict.add(
            f"the CPU of the workers differs by {spread.difference:.0%}, {MAX_DIFFERENCE:.0%} are allowed; "
            f"they waited {spread.waited_share:.2f} s for each second that they had a core",
            loaded=spread.waited_share > BUSY_WAIT,
        )
