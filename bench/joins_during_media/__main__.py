"""``python -m bench.joins_during_media``: how much later media comes while people join and leave."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench import conclusion
from bench.command_line import command_parser
from bench.report import Compared
from bench.workers import add_arguments, chosen_workers
from native.extensions import build

if TYPE_CHECKING:
    from bench.joins_during_media.verdict import Latency

RECEIVERS, RATE, JOINS_PER_S = 200, 20_000, 10  # what the goals are about
MAX_PACKETS = 30_000  # fewer than half of the sequence numbers
SHARES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
EXPLANATION = """
One VP8 producer of 1100-byte packets, evenly paced, N consumers on plain transports of their own with
AES_CM_128_HMAC_SHA1_80. In turns: quiet, and while guests of another process join by a WebRtcTransport each (create,
connect, ICE, DTLS, consume; see python -m bench.joins), each at a moment of chance within its tenth of a second, and
leave a second or so later; they get the video, too. What is told is how much later each packet came at each of the N
receivers than at a socket to which the sender gave it just before it gave it to the worker, by the kernel's times
(SO_TIMESTAMPNS): medians of the turns, the longest of all turns, and how many times as late the packets are as in the
quiet turn before. With --check the exit code is 1 when a packet is lost or somebody does not join, and beyond a goal.
It is 75 (try again later) when a goal is missed but the machine is too loaded to tell: the worker waited for a core a
quarter as long as it had one, packets were as late as the goal forbids though nobody came, or guests joined late.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes the JSON."""
    parser = command_parser("bench.joins_during_media", __doc__, EXPLANATION)
    add_arguments(parser)
    parser.add_argument("-n", "--receivers", type=int, default=RECEIVERS, help="default: 200")
    parser.add_argument("--rate", type=float, default=RATE, help="forwarded packets a second (default 20000)")
    parser.add_argument("--joins", type=float, default=JOINS_PER_S, help="a second (default 10)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each turn (default 5)")
    parser.add_argument("--turns", type=int, default=5, help="of each kind (default 5)")
    conclusion.add_arguments(parser, "bench.joins_during_media", "or 75 as told below")
    options = parser.parse_args(arguments)
    if min(options.receivers, options.rate, options.joins, options.seconds, options.turns) <= 0:
        parser.error("receivers, rate, joins, seconds and turns must be greater than 0")
    if options.seconds * options.rate / options.receivers > MAX_PACKETS:
        parser.error(f"expected at most {MAX_PACKETS} packets to each receiver in a turn")
    build(measuring=True)
    from bench.joins_during_media.measure import measure
    from bench.joins_during_media.verdict import loaded, missing

    measured: list[Latency] = []
    for worker in chosen_workers(options):
        latency = measure(worker, options.receivers, options.rate, options.joins, options.seconds, options.turns)
        measured.append(latency)
        print("  ".join(f"{name}={value}" for name, value in as_row(latency).items()), flush=True)
    found = conclusion.Found(
        settings=conclusion.chosen(options, "receivers", "rate", "joins", "seconds", "turns"),
        rows=[as_row(latency) for latency in measured],
        compared=compared(measured),
        shown=shown(measured[0], options),
        wrong=[sentence for latency in measured for sentence in missing(latency)],
        loaded=loaded(measured[0]),
    )
    return conclusion.conclude(options, arguments, found)


def shown(latency: Latency, options: argparse.Namespace) -> dict[str, float]:
    """The figures that have goals, if it was measured what these are about."""
    about = (options.receivers, options.rate, options.joins) == (RECEIVERS, RATE, JOINS_PER_S)
    return latency.shown() if about else {}


def compared(measured: Sequence[Latency]) -> list[Compared]:
    """How late packets are, quiet and with joins."""
    from bench.joins_during_media.verdict import late_us

    return [
        Compared(
            f"{name} of how late packets come",
            "µs",
            {
                f"{latency.worker}, {kind}": late_us(turns, share)
                for latency in measured
                for kind, turns in (("quiet", latency.quiet), ("joins", latency.joins))
            },
        )
        for name, share in SHARES.items()
    ]


def as_row(latency: Latency) -> dict[str, Any]:
    """One worker's figures."""
    from bench.joins_during_media.verdict import late_us, longest_us, waited_share

    row: dict[str, Any] = {"worker": latency.worker, "receivers": latency.receivers}
    for kind, turns in (("quiet", latency.quiet), ("joins", latency.joins)):
        row |= {f"{kind}_{name}_us": round(late_us(turns, share)) for name, share in SHARES.items()}
        row[f"{kind}_max_us"] = round(longest_us(turns))
        row[f"{kind}_waited_share"] = round(waited_share(turns), 2)
    row |= {f"ratio_{name}": round(latency.ratio(share), 2) for name, share in SHARES.items()}
    return row | {
        "asked": latency.asked,
        "joined": latency.joined,
        "in_time": latency.in_time,
        "left": latency.left,
        "lost": latency.lost,
        "expected": latency.expected,
    }


if __name__ == "__main__":
    sys.exit(main())
