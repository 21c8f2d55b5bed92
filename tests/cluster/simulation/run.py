"""One run: a seed, a world, faults, and what is wrong afterwards."""

from __future__ import annotations

import logging
import time
from typing import NamedTuple, Self

from miso.cluster.pipe_plan import plan
from tests.cluster.simulation.counts import Counts
from tests.cluster.simulation.faults import by_chance
from tests.cluster.simulation.invariants import broken
from tests.cluster.simulation.shard import Planner
from tests.cluster.simulation.weather import Weather
from tests.cluster.simulation.world import Size, World

_SEEDS_TRIED = 30
_MOST_FAULTS = 20
_LOGGER = logging.getLogger("miso.cluster")


class FaultsLogged(logging.Handler):
    """What is logged of bugs in a run: a room survives them, and a run does not.

    Attributes:
        told: The lines.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.told) < _MOST_FAULTS:
            self.told.append(self.format(record))

    def __enter__(self) -> Self:
        _LOGGER.addHandler(self)
        _LOGGER.propagate = False
        return self

    def __exit__(self, *error: object) -> None:
        _LOGGER.removeHandler(self)
        _LOGGER.propagate = True


class Outcome(NamedTuple):
    """What came of a run.

    Attributes:
        seed: Its seed.
        wrong: What is not as it should be.
        counts: What happened.
        trace: What happened last, in words.
        weather: The network that it had.
        cpu_s: The CPU that it took, in seconds.
    """

    seed: int
    wrong: list[str]
    counts: Counts
    trace: list[str]
    weather: Weather
    cpu_s: float


def run(seed: int, size: Size, weather: Weather | None = None, planner: Planner = plan) -> Outcome:
    """Runs a seed."""
    began_s = time.process_time()
    with FaultsLogged() as faults:
        world = World(seed, size, weather, planner)
        world.run(by_chance)
        wrong = [*broken(world), *faults.told]
    seconds = time.process_time() - began_s
    return Outcome(seed, wrong, world.counts, world.scheduler.trace, world.weather, seconds)


def shrink(outcome: Outcome, size: Size) -> tuple[Size, Outcome]:
    """Looks for a smaller world in which something is wrong, too; in the same weather, with the same or other seeds."""
    while size.hosts > 2 and size.participants > 2:
        smaller = size._replace(hosts=max(2, size.hosts // 3), participants=max(2, size.participants // 3))
        for seed in range(outcome.seed, outcome.seed + _SEEDS_TRIED):
            found = run(seed, smaller, None)
            if found.wrong:
                outcome, size = found, smaller
                break
        else:
            break
    return size, outcome
