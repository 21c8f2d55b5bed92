"""Which workers a benchmark measures: ours, or those of the command line."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from miso.worker.channel.codec import Dialect


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker to measure: its command line and the dialect it speaks."""

    name: str
    command: Sequence[str]
    dialect: Dialect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--worker-bin`` and ``--dialect``, both of which may be repeated."""
    parser.add_argument(
        "--worker-bin", action="append", help="command line of a worker (default: ours); may be repeated"
    )
    parser.add_argument("--dialect", action="append", choices=["3.10", "3.12"], help="of the worker in the same place")


def chosen_workers(options: argparse.Namespace) -> list[Worker]:
    """Those of the command line, numbered, or ours."""
    commands = options.worker_bin or [f"{sys.executable} -m miso.worker"]
    dialects = [*(options.dialect or []), *["3.10"] * len(commands)]
    return [
        Worker(
            "ours" if not options.worker_bin else f"{index}:{Path(shlex.split(command)[0]).name}"[:11],
            shlex.split(command),
            Dialect(dialect),
        )
        for index, (command, dialect) in enumerate(zip(commands, dialects, strict=False))
    ]
