"""``python -m bench.checks``: CPU that a worker takes to answer a STUN check of a connected peer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from bench import conclusion
from bench.command_line import command_parser
from bench.report import Compared
from bench.workers import add_arguments, chosen_workers
from native.extensions import build

if TYPE_CHECKING:
    from bench.checks.measure import Row

GOAL_IS_ABOUT = (500, 1000)  # peers and rate
EXPLANATION = """
N peers, each on a socket of its own and behind a WebRtcTransport on one WebRtcServer, are connected as far as ICE goes,
and check again and again: binding requests with USE-CANDIDATE and MESSAGE-INTEGRITY over the selected tuple, which
change nothing. "in turn": each check as soon as the one before is answered. "paced": one after the other in equal
steps, so that the worker goes to sleep and wakes up for each. "bursts": one of each peer at once, every 200 ms. Before
each it is measured what the worker takes while nobody checks, and that is taken off. The floor is a loop in C that
gives each datagram back. An answer counts if its transaction, address and MESSAGE-INTEGRITY are right.
With --check the exit code is 1 when an answer is missing, and beyond a goal.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes the JSON."""
    parser = command_parser("bench.checks", __doc__, EXPLANATION)
    add_arguments(parser)
    parser.add_argument("-n", "--peers", type=int, default=500, help="default: 500")
    parser.add_argument("--checks", type=int, default=5000, help="of each measurement (default 5000)")
    parser.add_argument("--rate", type=float, default=1000, help="of paced checks a second (default 1000)")
    parser.add_argument("--repeats", type=int, default=5, help="medians of so many (default 5)")
    conclusion.add_arguments(parser, "bench.checks", "when an answer is missing, or beyond a goal")
    options = parser.parse_args(arguments)
    if min(options.peers, options.checks, options.rate, options.repeats) <= 0:
        parser.error("peers, checks, rate and repeats must be greater than 0")
    build(measuring=True)
    from bench.checks.measure import measure

    rows = measure(chosen_workers(options), options.peers, options.checks, options.rate, options.repeats)
    for row in rows:
        print("  ".join(f"{name}={value}" for name, value in as_row(row).items()), flush=True)
    floor, ours, *_ = rows
    found = conclusion.Found(
        settings=conclusion.chosen(options, "peers", "checks", "rate", "repeats"),
        rows=[as_row(row) for row in rows],
        compared=[
            Compared(
                f"checks, {pattern}", "µs CPU for each", {row.worker: median(row.check_us[pattern]) for row in rows}
            )
            for pattern in ours.check_us
        ],
        shown={"stun": beyond_us(ours, floor) / 1000} if (options.peers, options.rate) == GOAL_IS_ABOUT else {},
        wrong=[
            f"{row.worker}: {row.answered} of {row.sent} checks answered" for row in rows if row.answered != row.sent
        ],
    )
    return conclusion.conclude(options, arguments, found)


def beyond_us(row: Row, floor: Row) -> float:
    """What a paced check takes more than the floor just before: the median of the repeats."""
    return median(ours - least for ours, least in zip(row.check_us["paced"], floor.check_us["paced"], strict=True))


def as_row(row: Row) -> dict[str, Any]:
    """One worker's figures."""
    return {
        "worker": row.worker,
        "peers": row.peers,
        **{f"{pattern.replace(' ', '_')}_us": round(median(values), 1) for pattern, values in row.check_us.items()},
        "idle_us_per_s": round(median(row.idle_us)),
        "sent": row.sent,
        "answered": row.answered,
    }


if __name__ == "__main__":
    sys.exit(main())
