"""What all benchmarks do at last: show figures beside their goals, write them as JSON, draw them, judge them."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import goals
from bench.plot import draw
from bench.report import RESULTS, Compared, as_json, finish


@dataclass(frozen=True, slots=True)
class Found:
    """What a run found.

    Attributes:
        settings: What it did.
        rows: What was measured.
        compared: Of it, what is drawn.
        shown: Those figures of the first worker that have goals, by the goals' keys.
        wrong: A sentence for each other limit that was missed.
        unclear: A sentence for each that was missed while the machine had too much else to do.
        loaded: Whether that is so for the goals.
    """

    settings: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    compared: Sequence[Compared]
    shown: Mapping[str, float] = field(default_factory=dict)
    wrong: Sequence[str] = ()
    unclear: Sequence[str] = ()
    loaded: bool = False


def add_arguments(parser: argparse.ArgumentParser, module: str, wrong: str = "beyond a goal") -> None:
    """``--check``, ``--json`` and ``--plot``.

    Args:
        parser: Gets them.
        module: The benchmark's, from ``bench`` on.
        wrong: When ``--check`` fails, in words.
    """
    parser.add_argument("--check", action="store_true", help=f"exit code 1 {wrong}")
    name = _file_name(module, "<time>")
    parser.add_argument("--json", type=Path, help=f"where to write the figures (default: bench/results/{name})")
    parser.add_argument("--plot", type=Path, metavar="SVG", help="draw them, too")
    parser.set_defaults(module=module, load_before=os.getloadavg()[0])


def conclude(options: argparse.Namespace, arguments: Sequence[str] | None, found: Found) -> int:
    """Shows, writes, draws and judges.

    Args:
        options: The command line, read by a parser with :func:`add_arguments`.
        arguments: What was read; None: the process's own.
        found: What to conclude from.

    Returns:
        The exit code, see :func:`bench.report.finish`; 0 without ``--check``.
    """
    if found.shown:
        print("\n".join(["", *goals.table(found.shown)]))
    if options.plot:
        options.plot.parent.mkdir(parents=True, exist_ok=True)
        options.plot.write_text(draw(found.compared, options.module))
        print(f"drawn to {options.plot}")
    command = sys.argv[1:] if arguments is None else arguments
    content = as_json(
        options.module, command, found.settings, found.rows, found.shown, found.compared, options.load_before
    )
    target = options.json or RESULTS / _file_name(options.module, time.strftime("%Y%m%d-%H%M%S"))
    if not options.check:
        return finish(target, content, [])
    missed = goals.failures(found.shown)
    if found.loaded:
        return finish(target, content, found.wrong, [*found.unclear, *missed])
    return finish(target, content, [*found.wrong, *missed], found.unclear)


def chosen(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Those settings of a command line."""
    return {name: getattr(options, name) for name in names}


def _file_name(module: str, when: str) -> str:
    return "-".join([*module.split(".")[1:], when]) + ".json"
