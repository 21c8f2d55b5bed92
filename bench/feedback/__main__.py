"""``python -m bench.feedback``: what receivers that report cost a worker, beside the same receivers silent."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from bench import conclusion
from bench.command_line import command_parser
from bench.figures import Settings
from bench.report import Compared
from bench.workers import add_arguments, chosen_workers
from native.extensions import build

if TYPE_CHECKING:
    from bench.feedback.measure import Row

SUITES = ("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "none")
AUDIO_PACKETS_PER_S = 50  # of each receiver: Opus frames of 20 ms

EXPLANATION = """
One producer, N consumers on plain transports of their own, 30,000 packets a second to all together, evenly paced. Each
receiver sends transport-wide feedback 20 times a second and a receiver report each second, by SRTCP where SRTP is on.
In turns: the floor (see python -m bench), the worker with silent receivers, and with receivers that report.
"added" is CPU for each forwarded packet, "each" for each RTCP packet of the receivers, "core" the share of one that all
takes with feedback. With audio the packets are Opus of 120 bytes, 50 a second to each; a worker numbers the packets of
a transport for transport-wide feedback only when video goes to it, so that there are receiver reports only.
With --check the exit code is 1 on loss, and beyond a goal.
"""


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line. Exits with 2 when it is wrong."""
    parser = command_parser("bench.feedback", __doc__, EXPLANATION)
    add_arguments(parser)
    parser.add_argument("-n", "--receivers", type=int, nargs="+", default=[100, 1000], help="default: 100 1000")
    parser.add_argument("--suite", choices=SUITES, default=SUITES[0])
    parser.add_argument("--media", nargs="+", choices=["video", "audio"], default=["video", "audio"])
    parser.add_argument("--rate", type=float, default=30_000, help="forwarded video packets a second (default 30000)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement (default 2)")
    parser.add_argument("--repeats", type=int, default=5, help="medians of so many (default 5)")
    conclusion.add_arguments(parser, "bench.feedback", "on loss, or beyond a goal")
    options = parser.parse_args(arguments)
    if min(options.receivers) < 1 or options.repeats < 1 or options.seconds <= 0 or options.rate <= 0:
        parser.error("receivers, repeats, seconds and rate must be greater than 0")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes the JSON."""
    options = parse_arguments(arguments)
    build(measuring=True)
    from bench.feedback.measure import measure
    from miso.worker.srtp_suite import SrtpSuite

    suite = None if options.suite == "none" else SrtpSuite[options.suite]
    rows: list[Row] = []
    for media in options.media:
        for receivers in options.receivers if media == "video" else [max(options.receivers)]:
            rate = options.rate if media == "video" else AUDIO_PACKETS_PER_S * receivers
            settings = Settings(options.seconds, rate, options.repeats)
            for row in measure(chosen_workers(options), suite, receivers, media, settings):
                rows.append(row)
                print("  ".join(f"{name}={value}" for name, value in as_row(row).items()), flush=True)
    found = conclusion.Found(
        settings=conclusion.chosen(options, "seconds", "rate", "repeats"),
        rows=[as_row(row) for row in rows],
        compared=compared(rows),
        shown=shown(rows),
        wrong=lost(rows),
    )
    return conclusion.conclude(options, arguments, found)


def as_row(row: Row) -> dict[str, Any]:
    """One row's figures."""
    return {
        "worker": row.worker,
        "suite": row.suite,
        "media": row.media,
        "receivers": row.receivers,
        "floor_us": round(median(row.floor_us), 2),
        "silent_us": round(median(row.silent_us), 2),
        "speaking_us": round(median(row.speaking_us), 2),
        "added_us": round(row.added_us, 2),
        "each_us": round(median(row.each_us), 1),
        "core": round(median(row.core), 3),
        "feedback": row.feedback,
        "reports": row.reports,
        "refused": row.refused,
        "lost": row.expected - row.arrived,
        "expected": row.expected,
    }


def compared(rows: Sequence[Row]) -> list[Compared]:
    """CPU for each packet, of the floor and of all workers, whose receivers are silent or report."""
    groups: dict[str, dict[str, float]] = {}
    for row in rows:
        figures = groups.setdefault(f"{row.receivers} with {row.media}, {row.suite}", {"floor": median(row.floor_us)})
        figures |= {row.worker: median(row.silent_us), f"{row.worker} with feedback": median(row.speaking_us)}
    return [Compared(what, "µs CPU for each packet", figures) for what, figures in groups.items()]


def shown(rows: Sequence[Row]) -> dict[str, float]:
    """The figures that have goals, of the first worker with so many receivers as the goals say."""
    found: dict[str, float] = {}
    for row in rows:
        if row.worker != rows[0].worker or row.media != "video":
            continue
        if row.receivers == 100:
            found |= {"feedback-added": row.added_us, "feedback-each": median(row.each_us)}
        elif row.receivers == 1000:
            found["feedback-core"] = median(row.core)
    return found


def lost(rows: Sequence[Row]) -> list[str]:
    """A sentence for each row in which something was lost."""
    return [
        f"{row.worker}: {row.expected - row.arrived} of {row.expected} packets lost, {row.refused} reports refused"
        for row in rows
        if row.expected != row.arrived or row.refused
    ]


if __name__ == "__main__":
    sys.exit(main())
