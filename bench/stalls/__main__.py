"""``python -m bench.stalls``: what control does with thousands of objects, its CPU, and how long media waits for it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from bench import conclusion
from bench.command_line import command_parser
from bench.report import Compared
from bench.workers import add_arguments, chosen_workers
from native.extensions import build

if TYPE_CHECKING:
    from bench.stalls.measure import Figure

EXPLANATION = """
The room: 100 people on plain transports, each sends 5 videos and gets 45 of others. CPU is the worker's, user and
system, the median of the rooms, each of which has a worker of its own. "Media waits": in one room more, with a worker
through which a packet a millisecond goes meanwhile, so much later than the sender sent it the latest one comes.
"""
GOAL_PEOPLE = 100
LEAST_PEOPLE = 10  # nine get the video of the tenth


def report(figures: Sequence[Figure]) -> list[str]:
    """Markdown."""
    head = ["| | CPU, ms | media waits, ms |", "|---|---|---|"]
    return head + [f"| {figure.what} | {figure.cpu_ms:.1f} | {figure.waits_ms:.1f} |" for figure in figures]


def compared(found: dict[str, list[Figure]]) -> list[Compared]:
    """CPU of all workers; the same things are done to each."""
    return [
        Compared(figures[0].what, "ms CPU", {worker: each.cpu_ms for worker, each in zip(found, figures, strict=True)})
        for figures in zip(*found.values(), strict=True)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes the JSON; exit code 1 with ``--check`` when closing takes longer than its goal."""
    parser = command_parser("bench.stalls", __doc__, EXPLANATION)
    add_arguments(parser)
    parser.add_argument("--people", type=int, default=GOAL_PEOPLE, help="in the room, at least 10 (default 100)")
    parser.add_argument("--repeats", type=int, default=5, help="medians of so many rooms (default 5)")
    conclusion.add_arguments(parser, "bench.stalls")
    options = parser.parse_args(arguments)
    if options.repeats < 1:
        parser.error("repeats must be greater than 0")
    if options.people < LEAST_PEOPLE:
        parser.error("expected at least 10 people")
    build(measuring=True)
    from bench.stalls.measure import measure

    workers = chosen_workers(options)
    figures: dict[str, list[Figure]] = {}
    for worker in workers:
        figures[worker.name] = measure(worker, options.people, options.repeats)
        print("\n".join([f"{worker.name}:", "", *report(figures[worker.name]), ""]), flush=True)
    close = figures[workers[0].name][-1]
    found = conclusion.Found(
        settings=conclusion.chosen(options, "people", "repeats"),
        rows=[{"worker": worker, **asdict(figure)} for worker, each in figures.items() for figure in each],
        compared=compared(figures),
        shown={"close": close.cpu_ms} if options.people == GOAL_PEOPLE else {},
    )
    return conclusion.conclude(options, arguments, found)


if __name__ == "__main__":
    sys.exit(main())
