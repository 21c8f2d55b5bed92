"""``python -m bench.cluster``: what a pipe between two workers adds, and how a large room's viewers share workers."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench import conclusion
from bench.command_line import command_parser
from bench.report import Compared
from native.extensions import build

if TYPE_CHECKING:
    from bench.cluster.measured import Hop, Spread
    from bench.cluster.verdict import Verdict

MODES = ("hop", "hop-srtp", "spread")

EXPLANATION = """
hop: packets of 1100 bytes go to a receiver at the publisher's worker, to one behind a pipe at another worker, and to
one behind a loop in C that relays them, all three at the same time. By how much later they come behind the pipe, and
behind the relay (the floor); CPU of the worker behind the pipe for each packet, that of the relay, and what the pipe
adds at the publisher's worker. hop-srtp: the same with an encrypted pipe, as between hosts.
spread: viewers come while the publisher sends, and are placed by the measured load of the workers; then it is measured
what each worker uses, and whether each viewer gets each packet once, by the sequence numbers of what it gets.
All is measured in turns, and the median of the turns counts.
With --check the exit code is 1 when a packet is lost, or a viewer gets one twice; when the pipe adds more than 1 ms to
99 of 100 packets, and more than 1.5 times what the relay adds at the same time; or when the CPU of the workers differs
by more than 25 %. It is 75 (try again later) when something is not so, but the relay, or the workers, had to wait for a
core meanwhile: the machine is too loaded to tell. Of viewers that miss packets it is always told.
"""


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line. Exits with 2 when it is wrong."""
    parser = command_parser("bench.cluster", __doc__, EXPLANATION)
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES), help="default: all")
    parser.add_argument("--rate", type=float, default=20_000, help="packets a second over the pipe (default 20000)")
    parser.add_argument("--viewers", type=int, default=600, help="of the large room (default 600)")
    parser.add_argument("--workers", type=int, default=2, help="that share it (default 2)")
    parser.add_argument("--viewer-rate", type=float, default=250, help="packets a second each gets (default 250)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn (default 2)")
    parser.add_argument("--turns", type=int, default=5, help="of each measurement (default 5)")
    conclusion.add_arguments(parser, "bench.cluster", "beyond the limits told below")
    options = parser.parse_args(arguments)
    numbers = (options.rate, options.viewers, options.workers, options.viewer_rate, options.seconds, options.turns)
    if min(numbers) <= 0:
        parser.error("rates, viewers, workers, seconds and turns must be greater than 0")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes the JSON."""
    options = parse_arguments(arguments)
    build()
    build(measuring=True)
    rows, verdict = asyncio.run(_measure(options))
    names = ("modes", "rate", "viewers", "workers", "viewer_rate", "seconds", "turns")
    found = conclusion.Found(
        settings=conclusion.chosen(options, *names),
        rows=rows,
        compared=compared(rows),
        wrong=verdict.wrong,
        unclear=verdict.unclear,
    )
    return conclusion.conclude(options, arguments, found)


async def _measure(options: argparse.Namespace) -> tuple[list[dict[str, Any]], Verdict]:
    from bench.cluster.hop import measure_hop
    from bench.cluster.spread import measure_spread
    from bench.cluster.verdict import Verdict, judge_hop, judge_spread

    rows: list[dict[str, Any]] = []
    verdict = Verdict()
    for mode in options.modes:
        if mode == "spread":
            spread = await measure_spread(
                viewers=options.viewers,
                workers=options.workers,
                packets_per_s=options.viewer_rate,
                seconds=options.seconds,
                turns=options.turns,
            )
            rows.append(spread_row(spread))
            judge_spread(spread, verdict)
        else:
            hop = await measure_hop(
                encrypted=mode == "hop-srtp", packets_per_s=options.rate, seconds=options.seconds, turns=options.turns
            )
            rows.append(hop_row(mode, hop))
            judge_hop(hop, verdict)
        print("  ".join(f"{name}={value}" for name, value in rows[-1].items()), flush=True)
    return rows, verdict


def hop_row(mode: str, hop: Hop) -> dict[str, Any]:
    """A pipe's figures."""
    return {
        "mode": mode,
        "packets": hop.packets,
        "lost": hop.lost,
        "added_p50_us": round(hop.added_us(0.5)),
        "added_p99_us": round(hop.added_us(0.99)),
        "floor_p50_us": round(hop.floor_us(0.5)),
        "floor_p99_us": round(hop.floor_us(0.99)),
        "times_the_floor_p99": round(hop.ratio(0.99), 2),
        "receiving_cpu_us": round(hop.receiving_cpu_us, 2),
        "floor_cpu_us": round(hop.floor_cpu_us, 2),
        "sending_cpu_us": round(hop.sending_cpu_us, 2),
    }


def spread_row(spread: Spread) -> dict[str, Any]:
    """A large room's figures."""
    return {
        "mode": "spread",
        "viewers": spread.viewers,
        "cpu_share": [round(share, 3) for share in spread.cpu_share],
        "difference": round(spread.difference, 3),
        "waited_share": round(spread.waited_share, 2),
        "expected_each": spread.expected,
        "least": min(spread.arrived),
        "most": max(spread.arrived),
        "missing": sum(spread.missing),
        "again": sum(spread.again),
        "lost": spread.lost,
    }


def compared(rows: Sequence[dict[str, Any]]) -> list[Compared]:
    """What a pipe adds beside what the relay does, and what a large room's workers use."""
    found = []
    for row in rows:
        if row["mode"] == "spread":
            shares = {f"worker {number}": share for number, share in enumerate(row["cpu_share"], 1)}
            found.append(Compared("a large room's workers", "of a core", shares))
        else:
            added = {"floor": row["floor_p99_us"], "pipe": row["added_p99_us"]}
            found.append(Compared(row["mode"], "µs added to 99 of 100 packets", added))
    return found


if __name__ == "__main__":
    sys.exit(main())
