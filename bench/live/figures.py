"""The figures of a run, and how they are shown, written and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median, quantiles
from typing import Any

from bench.live.floor_process import FloorFigures
from bench.report import Compared

MAX_RATIO = 1.5
MAX_MEMORY_MB = 80.0
MAX_FIRST_KEY_MS = 15.0
MAX_SIGNALING_MS = 20.0
OURS = "miso.live"
SHARES = {"node-media": 0.5, "nginx-rtmp": 1.0}
"""Of what others take for each megabyte, ours takes at most so much."""
HEADER = (
    f"{'server':<14}{'FLV':>5}{'RTMP':>6}{'ms/MB':>8}{'floor':>8}{'ratio':>8}{'MB':>8}{'kept':>7}{'RSS MB':>8}"
    f"{'key p95 ms':>12}{'rooms p99 ms':>14}"
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run does.

    Attributes:
        seconds: Of each single measurement.
        repeats: Of each; medians are reported.
        joins: Players that come and go during each, over each protocol, to see how long they wait for a picture.
    """

    seconds: float
    repeats: int
    joins: int


@dataclass(slots=True)
class Row:
    """What was measured of one server; a list has an element for each repeat.

    Attributes:
        server: Its name.
        flv: Players over HTTP-FLV.
        rtmp: Players over RTMP.
        cpu_ms: CPU of the server for each megabyte that its players got, in milliseconds, with what came in.
        floor_ms: CPU of the floor for each megabyte.
        received_mb: Megabytes that the players got.
        first_key_s: How long players waited for their first key frame.
        signaling_s: How long the rooms of the same process took for their answers.
        kept: Players that were there to the end.
        memory_mb: The most memory that the server had.
    """

    server: str
    flv: int
    rtmp: int
    cpu_ms: list[float] = field(default_factory=list)
    floor_ms: list[float] = field(default_factory=list)
    received_mb: list[float] = field(default_factory=list)
    first_key_s: list[float] = field(default_factory=list)
    signaling_s: list[float] = field(default_factory=list)
    kept: int = 0
    memory_mb: float = 0.0

    def add(self, cpu_s: float, received_bytes: int) -> None:
        """One measurement of the server."""
        self.cpu_ms.append(cpu_s * 1e9 / max(received_bytes, 1))
        self.received_mb.append(received_bytes / 1e6)

    def add_floor(self, figures: FloorFigures) -> None:
        """One measurement of the floor."""
        self.floor_ms.append(figures.cpu_s * 1e9 / figures.sent)

    @property
    def ratio(self) -> float:
        """Median of server to floor, each pair measured one right after the other."""
        return median(cpu / floor for cpu, floor in zip(self.cpu_ms, self.floor_ms, strict=True))

    @property
    def first_key_p95_ms(self) -> float:
        """Of twenty players, nineteen waited no longer for their first key frame."""
        return quantiles(self.first_key_s, n=20)[-1] * 1000 if len(self.first_key_s) > 1 else 0.0

    @property
    def signaling_p99_ms(self) -> float | None:
        """Of a hundred answers of the rooms, 99 took no longer; None: there are no rooms."""
        return quantiles(self.signaling_s, n=100)[-1] * 1000 if len(self.signaling_s) > 1 else None


def line(row: Row) -> str:
    """One row of the table."""
    return (
        f"{row.server:<14}{row.flv:>5}{row.rtmp:>6}{median(row.cpu_ms):>8.2f}{median(row.floor_ms):>8.2f}"
        f"{row.ratio:>8.2f}{median(row.received_mb):>8.0f}{row.kept:>7}{row.memory_mb:>8.0f}{row.first_key_p95_ms:>12.1f}"
        f"{'' if row.signaling_p99_ms is None else f'{row.signaling_p99_ms:.1f}':>14}"
    )


def as_row(row: Row) -> dict[str, Any]:
    """One row's figures, with all repeats."""
    return asdict(row) | {
        "ratio": round(row.ratio, 3),
        "first_key_p95_ms": round(row.first_key_p95_ms, 1),
        "signaling_p99_ms": row.signaling_p99_ms,
    }


def compared(rows: Sequence[Row]) -> list[Compared]:
    """CPU for each mix of players, of the floor and of all servers."""
    groups: dict[str, dict[str, float]] = {}
    for row in rows:
        figures = groups.setdefault(f"{row.flv} over FLV, {row.rtmp} over RTMP", {"floor": median(row.floor_ms)})
        figures[row.server] = median(row.cpu_ms)
    return [Compared(what, "ms CPU for each megabyte", figures) for what, figures in groups.items()]


def failures(rows: Sequence[Row]) -> list[str]:
    """What ``--check`` finds wrong with ours; others that were measured in the same run stand beside it."""
    found = []
    for row in rows:
        if row.signaling_p99_ms is not None and row.signaling_p99_ms > MAX_SIGNALING_MS:
            found.append(f"rooms answer after {row.signaling_p99_ms:.1f} ms, expected at most {MAX_SIGNALING_MS}")
        if row.server != OURS:
            continue
        if row.kept < row.flv + row.rtmp:
            found.append(f"{row.flv + row.rtmp - row.kept} of {row.flv + row.rtmp} players were not kept")
        if row.ratio > MAX_RATIO:
            found.append(f"{row.ratio:.2f} times the floor, expected at most {MAX_RATIO}")
        if row.memory_mb > MAX_MEMORY_MB:
            found.append(f"{row.memory_mb:.0f} MB of memory, expected at most {MAX_MEMORY_MB:.0f}")
        if row.first_key_p95_ms > MAX_FIRST_KEY_MS:
            found.append(f"first key frame after {row.first_key_p95_ms:.1f} ms, expected at most {MAX_FIRST_KEY_MS}")
        found += [
            f"{row.ratio:.2f} times the floor, {other.server} {other.ratio:.2f}; expected at most {share} of that"
            for other in rows
            for share in (SHARES.get(other.server),)
            if share is not None and (other.flv, other.rtmp) == (row.flv, row.rtmp) and row.ratio > share * other.ratio
        ]
    return found
