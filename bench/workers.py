"""Which workers a benchmark measures, ours or those of the command line, and what they reply."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from miso.worker.channel.client_codec import Accepted, Refused
from miso.worker.channel.codec import Dialect
from miso.worker.channel.commands import Command

_OURS = " -m miso.worker"


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


def chosen_workers(options: argparse.Namespace, dialect: str = "3.10") -> list[Worker]:
    """Those of the command line, numbered, or ours; the dialect is that of those for which none is given."""
    commands = options.worker_bin or [f"{sys.executable}{_OURS}"]
    dialects = [*(options.dialect or []), *[dialect] * len(commands)]
    return [
        Worker(_name(index, command), shlex.split(command), Dialect(dialect))
        for index, (command, dialect) in enumerate(zip(commands, dialects, strict=False))
    ]


def accepted(command: Command[Any, Any], reply: Accepted | Refused) -> Accepted:
    """A worker's reply. Raises ``RuntimeError`` when it refuses."""
    if isinstance(reply, Refused):
        raise RuntimeError(f"{command.name}: {reply.error}: {reply.reason}")
    return reply


def is_reference(name: str) -> bool:
    """Whether a worker with this name is mediasoup's, by the name of its file."""
    return name.partition(":")[2].startswith("mediasoup")


def _name(index: int, command: str) -> str:
    if index == 0 and command.endswith(_OURS):
        return "ours"
    return f"{index}:{Path(shlex.split(command)[0]).name}"[:11]
