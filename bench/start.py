"""``python -m bench.start``: CPU and wall time until a new worker says ``running`` and answers, on a loaded machine."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from bench import conclusion
from bench.command_line import command_parser
from bench.report import Compared
from bench.workers import Worker, add_arguments, chosen_workers
from miso.worker.channel import commands
from miso.worker.channel.bodies.worker import CreateRouterRequest
from miso.worker.channel.codec import Dialect
from tests.harness.client import WorkerClient
from tests.harness.go_client import GoClient

LOAD_S = 60
"""Busy loops end by themselves after so long, whatever becomes of this process."""
_BUSY = f"import time\nend = time.monotonic() + {LOAD_S}\nwhile time.monotonic() < end: pass"
_SETTLE_S = 1.0
_PRIORITY = 10
_EVENTS = ("running", "first answer", "first router")

EXPLANATION = f"""
A controller with pipes spawns a worker, waits for "running", asks for worker.dump and then for a router, each as soon
as it has the answer before. Wall time counts from before the spawn; CPU is what the worker has used by then, user and
system. With a load of N so many loops run beside it, for at most {LOAD_S} s. Run as root, this process goes before the
load (real-time priority, which the worker does not inherit), so that only the worker's own waiting is measured.
Workers for which no dialect is given are spoken to in that of 3.12.
"""


class PatientClient(GoClient):
    """Waits as long as it takes."""

    patience_s: ClassVar[tuple[float, float]] = (LOAD_S, LOAD_S)


@dataclass(frozen=True, slots=True)
class Moment:
    """When something came from the worker: wall time since the spawn, and its CPU until then, in ms."""

    wall_ms: float
    cpu_ms: float


def start_once(worker_bin: Sequence[str], dialect: Dialect) -> list[Moment]:
    """Starts a worker, asks it twice, and ends it: the moments of ``_EVENTS``."""
    begin = time.monotonic()
    moments = []
    with PatientClient(worker_bin, dialect, wait=False) as client:

        def note() -> None:
            moments.append(Moment((time.monotonic() - begin) * 1000, _cpu_ms(client)))

        client.wait_until_running()
        note()
        client.request(commands.WORKER_DUMP, {})
        note()
        client.request(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="router"))
        note()
    return moments


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """So many processes that only compute, for at most ``LOAD_S``."""
    loops = [subprocess.Popen([sys.executable, "-S", "-c", _BUSY]) for _ in range(count)]
    try:
        if loops:
            time.sleep(_SETTLE_S)
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def measure(worker: Worker, starts: int, load: int) -> list[list[Moment]]:
    """Starts workers one after the other; fewer than asked for when the load ends before."""
    found: list[list[Moment]] = []
    until = time.monotonic() + LOAD_S * 0.8
    with busy_loops(load):
        while len(found) < starts and time.monotonic() < until:
            found.append(start_once(worker.command, worker.dialect))
    return found


def as_row(worker: str, load: int, found: Sequence[Sequence[Moment]]) -> dict[str, Any]:
    """For each event the median of the CPU, and median and longest wall time."""
    row: dict[str, Any] = {"worker": worker, "load": load, "starts": len(found)}
    for event, moments in zip(_EVENTS, zip(*found, strict=True), strict=True):
        walls = [moment.wall_ms for moment in moments]
        cpu_ms = statistics.median(moment.cpu_ms for moment in moments)
        row[event] = {"cpu_ms": cpu_ms, "wall_ms": statistics.median(walls), "longest_ms": max(walls)}
    return row


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    cells = [f"{row['worker']}", f"{row['load']}", f"{row['starts']}"]
    cells += [" / ".join(f"{value:.0f}" for value in row[event].values()) for event in _EVENTS]
    return f"| {' | '.join(cells)} |"


def compared(rows: Sequence[dict[str, Any]]) -> list[Compared]:
    """CPU until each event, of all workers."""
    groups: dict[str, dict[str, float]] = {}
    for row in rows:
        for event in _EVENTS:
            figures = groups.setdefault(f"{event}, beside {row['load']} busy loops", {})
            figures[row["worker"]] = row[event]["cpu_ms"]
    return [Compared(what, "ms CPU", figures) for what, figures in groups.items()]


def _cpu_ms(client: WorkerClient) -> float:
    return int(Path(f"/proc/{client.pid}/schedstat").read_text().split()[0]) / 1e6


def _go_first() -> None:
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(_PRIORITY))


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a row for each load and worker, and writes the JSON."""
    parser = command_parser("bench.start", __doc__, EXPLANATION)
    add_arguments(parser)
    parser.add_argument("--starts", type=int, default=20, help="for each load (default: 20)")
    parser.add_argument("--load", type=int, nargs="+", default=[0, 15], help="busy loops (default: 0 15)")
    conclusion.add_arguments(parser, "bench.start")
    options = parser.parse_args(arguments)
    if options.starts < 1 or min(options.load) < 0:
        parser.error("starts must be greater than 0, load at least 0")
    _go_first()
    print(f"| worker | load | starts | {' | '.join(f'{event}: CPU / wall / longest, ms' for event in _EVENTS)} |")
    print("|---" * (3 + len(_EVENTS)) + "|")
    rows = []
    for load in options.load:
        for worker in chosen_workers(options, dialect="3.12"):
            rows.append(as_row(worker.name, load, measure(worker, options.starts, load)))
            print(line(rows[-1]), flush=True)
    found = conclusion.Found(
        settings=conclusion.chosen(options, "starts", "load"),
        rows=rows,
        compared=compared(rows),
    )
    return conclusion.conclude(options, arguments, found)


if __name__ == "__main__":
    sys.exit(main())
