"""``python -m bench.start``: CPU and wall time until a new worker says ``running`` and answers, on a loaded machine."""

from __future__ import annotations

import contextlib
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench.command_line import command_parser
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


def measure(worker_bin: Sequence[str], dialect: Dialect, starts: int, load: int) -> list[list[Moment]]:
    """Starts workers one after the other; fewer than asked for when the load ends before."""
    found: list[list[Moment]] = []
    until = time.monotonic() + LOAD_S * 0.8
    with busy_loops(load):
        while len(found) < starts and time.monotonic() < until:
            found.append(start_once(worker_bin, dialect))
    return found


def line(load: int, found: Sequence[Sequence[Moment]]) -> str:
    """A row of the table: for each event CPU, median and longest wall time."""
    cells = [f"{load}", f"{len(found)}"]
    for moments in zip(*found, strict=True):
        walls = [moment.wall_ms for moment in moments]
        cpu_ms = statistics.median(moment.cpu_ms for moment in moments)
        cells.append(f"{cpu_ms:.0f} / {statistics.median(walls):.0f} / {max(walls):.0f}")
    return f"| {' | '.join(cells)} |"


def _cpu_ms(client: WorkerClient) -> float:
    return int(Path(f"/proc/{client.pid}/schedstat").read_text().split()[0]) / 1e6


def _go_first() -> None:
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(_PRIORITY))


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a row for each load."""
    parser = command_parser("bench.start", __doc__, EXPLANATION)
    parser.add_argument("--worker-bin", default=f"{sys.executable} -m miso.worker", help="command line of a worker")
    parser.add_argument("--dialect", choices=["3.10", "3.12"], default="3.12", help="of the worker (default: 3.12)")
    parser.add_argument("--starts", type=int, default=20, help="for each load (default: 20)")
    parser.add_argument("--load", type=int, nargs="+", default=[0, 15], help="busy loops (default: 0 15)")
    options = parser.parse_args(arguments)
    _go_first()
    print(f"| load | starts | {' | '.join(f'{event}: CPU / wall / longest, ms' for event in _EVENTS)} |")
    print("|---" * (2 + len(_EVENTS)) + "|")
    for load in options.load:
        found = measure(shlex.split(options.worker_bin), Dialect(options.dialect), options.starts, load)
        print(line(load, found), flush=True)


if __name__ == "__main__":
    main()
