"""The figures of a run, how they are shown and written, and which of them have goals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final, Literal

from bench.goals import GOALS
from bench.report import Compared
from bench.workers import is_reference

Pattern = Literal["paced", "bursts"]
Kind = Literal["simple", "simulcast", "svc"]

_SUITES: Final = {"AES_CM_128_HMAC_SHA1_80": "cm", "AEAD_AES_256_GCM": "gcm"}
"""In the keys of goals."""
_GOAL_RECEIVERS: Final = 100
_GOAL_RATE: Final = 30_000
_LOSSLESS_RATE: Final[dict[Pattern, float]] = {"paced": 150_000, "bursts": 200_000}
_KEPT: Final = 0.9
"""Of the rate that a goal is about: a sender that could not keep its pace lost nothing because it sent less."""


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


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of sending.

    Attributes:
        cpu_us: CPU of the worker, for each packet that arrived.
        expected: Packets that should have arrived.
        arrived: Packets that did.
        took_s: How long the senders took.
    """

    cpu_us: float
    expected: int
    arrived: int
    took_s: float


@dataclass(slots=True)
class Row:
    """What was measured of one combination; a list has an element for each repeat.

    Attributes:
        cpu_us: CPU of the worker for each packet that arrived.
        floor_us: CPU of the floor for each packet.
        expected: Packets that should have arrived, all repeats together.
        arrived: Packets that did.
        took_s: How long that took.
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
    took_s: float = 0.0

    @property
    def per_s(self) -> float:
        """Packets a second that should have arrived; fewer than asked for when the sender had to wait for a core."""
        return self.expected / self.took_s if self.took_s else 0.0

    def add(self, sent: Sent) -> None:
        """One repeat more."""
        self.cpu_us.append(sent.cpu_us)
        self.expected += sent.expected
        self.arrived += sent.arrived
        self.took_s += sent.took_s

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


def as_row(row: Row) -> dict[str, Any]:
    """One row's figures, with all repeats."""
    return {
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
        "per_s": round(row.per_s),
        "cpu_us_repeats": [round(value, 3) for value in row.cpu_us],
        "floor_us_repeats": [round(value, 3) for value in row.floor_us],
    }


def compared(rows: Sequence[Row]) -> list[Compared]:
    """Each combination's CPU, of the floor and of all workers."""
    groups: dict[str, dict[str, float]] = {}
    for row in rows:
        what = f"{row.suite}, N = {row.receivers}, {row.kind}, {row.pattern}"
        groups.setdefault(what, {"floor": median(row.floor_us)})[row.worker] = median(row.cpu_us)
    return [Compared(what, "µs CPU for each packet", figures) for what, figures in groups.items()]


def shown(rows: Sequence[Row], rate: float, *, avx512: bool = True) -> dict[str, float]:
    """The figures that have goals: of the first worker, beside the floor and beside mediasoup's if that is there.

    Args:
        rows: What was measured.
        rate: Forwarded packets a second, as asked for.
        avx512: Whether the CPU has it: without, evenly paced packets have goals of their own, and bursts have none
            beside the floor.
    """
    found: dict[str, float] = {}
    ours = {_combination(row): row for row in rows if row.worker == rows[0].worker}
    for row in rows:
        own, suite = ours[_combination(row)], _SUITES.get(row.suite)
        if (row.receivers, row.kind) != (_GOAL_RECEIVERS, "simple") or suite is None:
            continue
        if rate == _GOAL_RATE and row is own:
            found[f"{row.pattern}-{suite}{'' if avx512 else '-avx2'}"] = row.ratio
        elif rate == _GOAL_RATE and is_reference(row.worker):
            pairs = zip(own.cpu_us, row.cpu_us, strict=True)
            found[f"reference-{row.pattern}-{suite}"] = median(cpu / reference for cpu, reference in pairs)
        if row is own and suite == "gcm" and row.per_s > _KEPT * _LOSSLESS_RATE[row.pattern]:
            found[f"lost-{row.pattern}"] = row.lost
    return {key: value for key, value in found.items() if key in GOALS}


def lost(rows: Sequence[Row]) -> list[str]:
    """A sentence for each row in which something was lost."""
    return [f"{row.worker}: {row.lost} of {row.expected} packets lost ({line(row)})" for row in rows if row.lost]


def _combination(row: Row) -> tuple[object, ...]:
    return row.suite, row.receivers, row.pattern, row.kind


def percentile(values: list[float], share: float) -> float:
    """Of sorted values: so large a share of them is not above it."""
    return values[min(int(len(values) * share), len(values) - 1)] if values else float("nan")
