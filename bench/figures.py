"""The figures of a run, and how they are shown, written and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from bench import report

Pattern = Literal["paced", "bursts"]
Kind = Literal["simple", "simulcast", "svc"]

MAX_RATIO = 1.6
MAX_RATIO_OF = ("AES_CM_128_HMAC_SHA1_80", 100, "paced", "simple")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run does.

    Attributes:
        seconds: Of sending, for each single measurement.
        rate: Packets that the worker forwards a second, to all receivers together.
        repeats: Of each measurement; medians are reported.
    """

    seconds: float
    rate: float
    repeats: int


@dataclass(slots=True)
class Row:
    """What was measured of one combination; a list has an element for each repeat.

    Attributes:
        cpu_us: CPU of the worker for each packet that arrived.
        floor_us: CPU of the floor for each packet.
        expected: Packets that should have arrived, all repeats together.
        arrived: Packets that did.
    """

    worker: str
    suite: str
    receivers: int
    pattern: Pattern
    kind: Kind = "simple"
    cpu_us: list[float] = field(default_factory=list)
    floor_us: list[float] = field(default_factory=list)
    expected: int = 0
    arrived: int = 0

    @property
    def lost(self) -> int:
        """Packets that did not arrive."""
        return self.expected - self.arrived

    @property
    def ratio(self) -> float:
        """Median of worker to floor, each pair measured one right after the other."""
        return median(cpu / floor for cpu, floor in zip(self.cpu_us, self.floor_us, strict=True))


def line(row: Row) -> str:
    """One row of the table."""
    return (
        f"{row.worker:<12}{row.suite:<26}{row.receivers:>4}  {row.kind:<10}{row.pattern:<8}{median(row.cpu_us):>8.2f}"
        f"{median(row.floor_us):>8.2f}{row.ratio:>8.2f}{row.lost:>8} of {row.expected}"
    )


def as_json(rows: list[Row], settings: Settings, command: Sequence[str]) -> bytes:
    """The figures with all repeats, the machine, and the command."""
    told = {"seconds": settings.seconds, "rate": settings.rate, "repeats": settings.repeats}
    measured = [
        {
            "worker": row.worker,
            "suite": row.suite,
            "receivers": row.receivers,
            "pattern": row.pattern,
            "kind": row.kind,
            "cpu_us": round(median(row.cpu_us), 3),
            "floor_us": round(median(row.floor_us), 3),
            "ratio": round(row.ratio, 3),
            "lost": row.lost,
            "expected": row.expected,
            "cpu_us_repeats": [round(value, 3) for value in row.cpu_us],
            "floor_us_repeats": [round(value, 3) for value in row.floor_us],
        }
        for row in rows
    ]
    return report.as_json("bench", command, told, measured)


def failures(rows: list[Row]) -> list[str]:
    """What ``--check`` finds wrong."""
    found = [f"{row.worker}: {row.lost} of {row.expected} packets lost ({line(row)})" for row in rows if row.lost]
    return found + [
        f"{row.worker}: {row.ratio:.2f} times the floor, expected at most {MAX_RATIO}"
        for row in rows
        if (row.suite, row.receivers, row.pattern, row.kind) == MAX_RATIO_OF and row.ratio > MAX_RATIO
    ]
