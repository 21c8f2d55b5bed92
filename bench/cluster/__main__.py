"""``python -m bench.cluster``: what a pipe between two workers adds, and how a large room's viewers share workers."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.report import RESULTS, as_json, finish
from native.extensions import build

if TYPE_CHECKING:
    from bench.cluster.hop import Hop
    from bench.cluster.spread import Spread

MODES = ("hop", "hop-srtp", "spread")
MAX_ADDED_US = 1000.0
MAX_DIFFERENCE = 0.25

EXPLANATION = """
hop: packets of 1100 bytes go to a receiver at the publisher's worker, to one behind a pipe at another worker, and to
one behind a loop in C that relays them, all three at the same time. By how much later they come behind the pipe, and
behind the relay (the floor); CPU of the worker behind the pipe for each packet, that of the relay, and what the pipe
adds at the publisher's worker. hop-srtp: the same with an encrypted pipe, as between hosts.
spread: viewers come while the publisher sends, and are placed by the measured load of the workers; then it is measured
what each worker uses, and whether everything arrives.
With --check the exit code is 1 when the pipe adds more than 1 ms to 99 of 100 packets, when a packet is lost, or when
the CPU of the workers differs by more than 25 %.
"""


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line. Exits with 2 when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.cluster",
        description=__doc__,
        epilog=EXPLANATION,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES), help="default: all")
    parser.add_argument("--rate", type=float, default=20_000, help="packets a second over the pipe (default 20000)")
    parser.add_argument("--viewers", type=int, default=600, help="of the large room (default 600)")
    parser.add_argument("--workers", type=int, default=2, help="that share it (default 2)")
    parser.add_argument("--viewer-rate", type=float, default=250, help="packets a second each gets (default 250)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement (default 5)")
    parser.add_argument("--check", action="store_true", help="exit code 1 beyond the limits told below")
    parser.add_argument(
        "--json", type=Path, help="where to write the figures (default: bench/results/cluster-<time>.json)"
    )
    options = parser.parse_args(arguments)
    if min(options.rate, options.viewers, options.workers, options.viewer_rate, options.seconds) <= 0:
        parser.error("rates, viewers, workers and seconds must be greater than 0")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes the JSON."""
    options = parse_arguments(arguments)
    build()
    build(measuring=True)
    rows, wrong = asyncio.run(_measure(options))
    settings = {name: value for name, value in vars(options).items() if name not in ("json", "check")}
    content = as_json("bench.cluster", sys.argv[1:] if arguments is None else arguments, settings, rows)
    target = options.json or RESULTS / f"cluster-{time.strftime('%Y%m%d-%H%M%S')}.json"
    return finish(target, content, wrong if options.check else [])


async def _measure(options: argparse.Namespace) -> tuple[list[dict[str, Any]], list[str]]:
    from bench.cluster.hop import measure_hop
    from bench.cluster.spread import measure_spread

    rows: list[dict[str, Any]] = []
    wrong: list[str] = []
    for mode in options.modes:
        if mode == "spread":
            spread = await measure_spread(
                viewers=options.viewers,
                workers=options.workers,
                packets_per_s=options.viewer_rate,
                seconds=options.seconds,
            )
            rows.append(spread_row(spread))
            wrong += spread_failures(spread)
        else:
            hop = await measure_hop(encrypted=mode == "hop-srtp", packets_per_s=options.rate, seconds=options.seconds)
            rows.append(hop_row(mode, hop))
            wrong += hop_failures(hop)
        print("  ".join(f"{name}={value}" for name, value in rows[-1].items()), flush=True)
    return rows, wrong


def hop_row(mode: str, hop: Hop) -> dict[str, Any]:
    """A pipe's figures."""
    from bench.cluster.hop import percentile

    return {
        "mode": mode,
        "packets": hop.packets,
        "lost": hop.lost,
        "added_p50_us": round(percentile(hop.added_us, 0.5)),
        "added_p99_us": round(percentile(hop.added_us, 0.99)),
        "floor_p50_us": round(percentile(hop.floor_us, 0.5)),
        "floor_p99_us": round(percentile(hop.floor_us, 0.99)),
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
        "expected": spread.expected,
        "lost": spread.expected - spread.arrived,
    }


def hop_failures(hop: Hop) -> list[str]:
    """What is not as it should be."""
    from bench.cluster.hop import percentile

    wrong = []
    if hop.lost or not hop.added_us:
        wrong.append(f"{hop.lost} of {hop.packets} packets were lost in the pipe")
    added_us = percentile(hop.added_us, 0.99)
    if not added_us <= MAX_ADDED_US:
        wrong.append(f"the pipe adds {added_us:.0f} µs to 99 of 100 packets, {MAX_ADDED_US:.0f} are allowed")
    return wrong


def spread_failures(spread: Spread) -> list[str]:
    """What is not as it should be."""
    wrong = []
    if spread.arrived != spread.expected:
        wrong.append(f"{spread.expected - spread.arrived} of {spread.expected} packets were lost")
    if spread.difference > MAX_DIFFERENCE:
        wrong.append(f"the CPU of the workers differs by {spread.difference:.0%}, {MAX_DIFFERENCE:.0%} are allowed")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
