"""``python -m bench.table``: all goals beside what saved results show of them, as Markdown."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.command_line import command_parser
from bench.goals import GOALS
from bench.report import Result, read

EXPLANATION = """
For each goal the newest of the files that show it counts, whatever was measured before. The load is the machine's in
the minute before the run: figures beside other programs are higher than those of a quiet machine.
"""
_HEADER = ("| | goal | measured | | when | load | by |", "|---|---|---|---|---|---|---|")


def newest(results: Sequence[Result]) -> dict[str, Result]:
    """For each goal that is shown by any, the result that shows it last."""
    return {key: result for result in sorted(results, key=lambda each: each.when) for key in result.shown}


def table(by_goal: Mapping[str, Result]) -> list[str]:
    """The rows, one for each goal in the order of ``GOALS``; what nobody measured has its row, too."""
    rows = list(_HEADER)
    for key, goal in GOALS.items():
        result = by_goal.get(key)
        if result is None:
            cells = ["–", "not measured", "", "", ""]
        else:
            value = result.shown[key]
            load = "" if result.load is None else f"{result.load[0]:.1f}"
            when = f"{result.when:%Y-%m-%d %H:%M}"
            cells = [
                goal.measured(value),
                goal.verdict(value),
                when,
                load,
                f"`{result.command.replace('|', '&#124;')}`",
            ]
        rows.append(f"| {' | '.join([goal.what, goal.limit(), *cells])} |")
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads and prints. Exits with 2 when a file is no result."""
    parser = command_parser("bench.table", __doc__, EXPLANATION)
    parser.add_argument("results", nargs="+", type=Path, help="files that the benchmarks wrote")
    options = parser.parse_args(arguments)
    try:
        results = [read(path) for path in options.results]
    except (OSError, ValueError) as error:
        parser.error(str(error))
    try:
        print("\n".join(table(newest(results))), flush=True)
    except BrokenPipeError:  # whoever reads has enough (head); Python would write once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
