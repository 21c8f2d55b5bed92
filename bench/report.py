"""What a benchmark leaves behind: a JSON file, and an exit code."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

RESULTS = Path(__file__).resolve().parent / "results"
TRY_AGAIN = 75
"""``EX_TEMPFAIL`` of sysexits(3)."""


class Compared(msgspec.Struct, frozen=True):
    """Figures of one thing that stand beside each other.

    Attributes:
        what: The thing.
        unit: Of all the figures.
        figures: By whose they are: ``floor``, or a worker.
    """

    what: str
    unit: str
    figures: dict[str, float]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a file of results has.

    Attributes:
        command: What was run, with its real-time priority if it had one.
        time: When it ended, ISO 8601.
        load: The machine's load of the last minute, before and after; empty in files of old.
        settings: What the run did.
        rows: What was measured, in the benchmark's own words.
        shown: Those figures that have goals, by the goals' keys.
        compared: Those that are drawn.
    """

    command: str
    time: str
    machine: dict[str, Any]
    settings: dict[str, Any]
    rows: list[dict[str, Any]]
    load: tuple[float, float] | None = None
    shown: dict[str, float] = {}
    compared: list[Compared] = []

    @property
    def when(self) -> datetime:
        """``time``, which the files of other zones are compared by."""
        return datetime.fromisoformat(self.time).astimezone()


def as_json(
    module: str,
    command: Sequence[str],
    settings: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    shown: Mapping[str, float],
    compared: Sequence[Compared],
    load_before: float,
) -> bytes:
    """The figures, with the machine and the command.

    Args:
        module: Which was run by ``python -m``.
        command: Its arguments.
        settings: What the run does.
        rows: What was measured.
        shown: Those figures that have goals, by the goals' keys.
        compared: Those to be drawn.
        load_before: The machine's load of the minute before the run.
    """
    result = Result(
        command=shlex.join([*_priority(), "python", "-m", module, *command]),
        time=datetime.now().astimezone().isoformat(timespec="seconds"),
        machine={"system": platform.platform(), "cpus": os.cpu_count(), "python": platform.python_version()},
        load=(round(load_before, 2), round(os.getloadavg()[0], 2)),
        settings=dict(settings),
        rows=[dict(row) for row in rows],
        shown={key: round(value, 4) for key, value in shown.items()},
        compared=list(compared),
    )
    return msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"


def read(path: Path) -> Result:
    """What :func:`as_json` wrote.

    Raises:
        OSError: There is no such file, or none that can be read.
        ValueError: It is none of a benchmark's; says which file, and what is wrong with it.
    """
    try:
        result = msgspec.json.decode(path.read_bytes(), type=Result)
        datetime.fromisoformat(result.time)
    except ValueError as error:  # msgspec's are ValueErrors, too
        raise ValueError(f"{path} is no result of a benchmark: {error}") from error
    return result


def finish(target: Path, content: bytes, wrong: Sequence[str], unclear: Sequence[str] = ()) -> int:
    """Writes the file, and says what is wrong.

    Args:
        target: Where to; folders are made.
        content: The JSON.
        wrong: A sentence for each limit that was missed.
        unclear: A sentence for each that was missed while the machine had too much else to do.

    Returns:
        The exit code: 1 if anything is wrong, else :data:`TRY_AGAIN` if anything is unclear, else 0.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    sys.stdout.write(f"written to {target}\n")
    for failure in wrong:
        print(failure, file=sys.stderr)
    for failure in unclear:
        print(f"too loaded to tell: {failure}", file=sys.stderr)
    if wrong:
        return 1
    return TRY_AGAIN if unclear else 0


def _priority() -> list[str]:
    """How ``chrt`` was called; a priority that a benchmark gives itself is not inherited, and not told."""
    names = {os.SCHED_RR: "-r", os.SCHED_FIFO: "-f"}
    policy = os.sched_getscheduler(0)
    return ["chrt", names[policy], str(os.sched_getparam(0).sched_priority)] if policy in names else []
