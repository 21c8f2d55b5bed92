"""``python -m bench.joins``: CPU that a worker takes when somebody joins, step by step."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from statistics import median
from typing import TYPE_CHECKING, Any

from bench import conclusion
from bench.awake import cores_awake
from bench.command_line import command_parser
from bench.report import Compared
from bench.workers import add_arguments, chosen_workers
from native.extensions import build

if TYPE_CHECKING:
    from bench.joins.measure import Row

STEP_COLUMNS = ("floor_us", "create_us", "connect_us", "handshake_us", "consume_us", "join_us")
EXPLANATION = """
N guests of another process join a room of one video producer, each by a WebRtcTransport on one WebRtcServer: "create"
the transport, "connect" (the guest's fingerprint), "handshake" (an ICE check that nominates, and DTLS with the guest as
client), "consume". Each step is done for all before the next; ten guests have joined before, who do not count. The
floor is the server's half of the DTLS handshake by OpenSSL alone, in this process. Cores are kept awake meanwhile, as
they are on a server whose media flows (bench/awake.py); with --asleep they are not. "early" and "late" are consume of
the first and the last tenth of the guests. Then the producer sends, and each guest deciphers what comes with libsrtp.
With --check the exit code is 1 when a guest or a packet is missing, and beyond a goal.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes the JSON."""
    parser = command_parser("bench.joins", __doc__, EXPLANATION)
    add_arguments(parser)
    parser.add_argument("-n", "--guests", type=int, default=200, help="default: 200")
    parser.add_argument("--at-once", type=int, default=1, help="consumers that are asked for together (default 1)")
    parser.add_argument("--packets", type=int, default=20, help="that each guest is to get (default 20)")
    parser.add_argument("--asleep", action="store_true", help="let cores sleep between steps, as on an idle machine")
    parser.add_argument("--repeats", type=int, default=5, help="medians of so many (default 5)")
    conclusion.add_arguments(parser, "bench.joins", "when something is missing, or beyond a goal")
    options = parser.parse_args(arguments)
    if min(options.guests, options.at_once, options.packets, options.repeats) < 1:
        parser.error("guests, at-once, packets and repeats must be greater than 0")
    build(measuring=True)
    from bench.joins.measure import measure

    rows: list[Row] = []
    with nullcontext() if options.asleep else cores_awake():
        for worker in chosen_workers(options):
            rows.append(measure(worker, options.guests, options.packets, options.repeats, options.at_once))
            print("  ".join(f"{name}={value}" for name, value in as_row(rows[-1]).items()), flush=True)
    found = conclusion.Found(
        settings=conclusion.chosen(options, "guests", "at_once", "packets", "repeats", "asleep"),
        rows=[as_row(row) for row in rows],
        compared=compared(rows),
        shown=shown(rows[0]),
        wrong=missing(rows, options.guests * options.repeats),
    )
    return conclusion.conclude(options, arguments, found)


def as_row(row: Row) -> dict[str, Any]:
    """One row's figures."""
    return {
        "worker": row.worker,
        "guests": row.guests,
        "floor_us": round(median(row.floor_us)),
        **{f"{step}_us": round(median(values)) for step, values in row.steps_us.items()},
        "join_us": round(median(row.join_us())),
        "early_us": round(median(row.early_us)),
        "late_us": round(median(row.late_us)),
        "joined": row.joined,
        "lost": row.expected - row.arrived,
        "expected": row.expected,
    }


def compared(rows: Sequence[Row]) -> list[Compared]:
    """Each step's CPU, of all workers; the floor is one of the handshake."""
    steps = {step: {row.worker: median(row.steps_us[step]) for row in rows} for step in rows[0].steps_us}
    steps["handshake"] = {"floor": median(rows[0].floor_us), **steps["handshake"]}
    return [Compared(step, "µs CPU for each guest", figures) for step, figures in steps.items()]


def shown(row: Row) -> dict[str, float]:
    """The figures that have goals."""
    return {"join": median(row.join_us()) / 1000, "consume": median(row.steps_us["consume"]) / 1000}


def missing(rows: Sequence[Row], guests: int) -> list[str]:
    """A sentence for each worker with whom somebody or something is missing."""
    return [
        f"{row.worker}: {row.joined} of {guests} joined, {row.arrived} of {row.expected} packets arrived"
        for row in rows
        if row.joined != guests or row.arrived != row.expected
    ]


if __name__ == "__main__":
    sys.exit(main())
