"""What came of seeds, in a file with a line for each: a run can be stopped and gone on with, and summed up later."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.cluster.simulation.counts import Counts
from tests.cluster.simulation.run import Outcome
from tests.cluster.simulation.world import Size

_MOST_WRONG = 10
_MOST_SIGNS = 600


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One line.

    Attributes:
        seed: Which seed.
        hosts: How many there were.
        participants: How many there were.
        commit: Of the code that it ran with.
        cpu_s: The CPU that it took, in seconds.
        wrong: What was not as it should be.
        counts: What happened.
    """

    seed: int
    hosts: int
    participants: int
    commit: str
    cpu_s: float
    wrong: list[str]
    counts: Counts

    @classmethod
    def of(cls, outcome: Outcome, size: Size, commit: str) -> Result:
        """What is kept of a run."""
        return cls(
            seed=outcome.seed,
            hosts=size.hosts,
            participants=size.participants,
            commit=commit,
            cpu_s=round(outcome.cpu_s, 2),
            wrong=[line[:_MOST_SIGNS] for line in outcome.wrong[:_MOST_WRONG]],
            counts=outcome.counts,
        )


def append(path: Path, result: Result) -> None:
    """Adds a line; whole, whoever else adds some."""
    line = msgspec.json.encode(result) + b"\n"
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, line)
    finally:
        os.close(file)


def read(path: Path) -> Iterator[Result]:
    """The lines of a file; one that was cut short when a run was stopped is passed over."""
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        try:
            yield msgspec.json.decode(line, type=Result)
        except msgspec.MsgspecError:
            continue


def done(path: Path, size: Size) -> set[int]:
    """The seeds of that size in a file."""
    return {one.seed for one in read(path) if (one.hosts, one.participants) == size[:2]}


def summary(path: Path) -> str:
    """How many seeds have run in worlds of which size, with which code, what they survived, and which failed."""
    lines: list[str] = []
    results = {(one.hosts, one.participants, one.seed): one for one in read(path)}
    for hosts, participants in sorted({key[:2] for key in results}):
        some = [one for key, one in sorted(results.items()) if key[:2] == (hosts, participants)]
        total = Counts()
        for one in some:
            total.add(one.counts)
        failed = [one.seed for one in some if one.wrong]
        cpu_s = sorted(one.cpu_s for one in some)
        lines.append(
            f"{hosts} hosts, {participants} participants: {len(some)} seeds ({some[0].seed} to {some[-1].seed}), "
            f"{len(failed)} failed{f' {failed[:50]}' if failed else ''}; CPU a seed: "
            f"{sum(cpu_s) / len(some):.1f} s on average, {cpu_s[-1]:.1f} s at most"
        )
        lines.append(f"  {total}")
        for commit in sorted({one.commit for one in some}):
            seeds = [one.seed for one in some if one.commit == commit]
            lines.append(f"  with {commit}: {len(seeds)} seeds, {seeds[0]} to {seeds[-1]}")
    return "\n".join(lines) or "no seed has run"
