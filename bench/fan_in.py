"""``python -m bench.fan_in``: CPU of a worker per forwarded packet when many send, each to a few."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from bench import conclusion
from bench.command_line import command_parser
from bench.figures import Pattern, Row, Settings, as_row, lost
from bench.report import Compared
from bench.workers import Worker, add_arguments, chosen_workers
from native.extensions import build

if TYPE_CHECKING:
    from bench.floor_process import FloorProcess
    from bench.room import Room
    from miso.worker.channel.bodies.base import Kind
    from miso.worker.srtp_suite import SrtpSuite

SUITES = ("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "none")
PATTERNS: dict[str, tuple[Pattern, ...]] = {"audio": ("paced",), "video": ("paced", "bursts")}
WARM_UP_S = 1.0

EXPLANATION = """
People who each send one stream and get those of nine others: each has a plain transport to send and one to receive,
with nine consumers on it. They send in turn, one packet each, in equal steps; with "bursts" the ten packets of a frame
each, at once. Opus in packets of 120 bytes or VP8 in packets of 1100 bytes. "rate" is what is forwarded to all
together, so that each sends less often the more there are. The floor is a process with a loop in C of one sendto and
one SRTP protect per packet, to as many receivers, at the same rate in turns of a hundred, measured right before each
measurement of a worker; the ratio is the median of the pairs' ratios. With --check the exit code is 1 when a packet was
lost.
"""


@dataclass(frozen=True, slots=True)
class FanIn:
    """What was measured of one worker.

    Attributes:
        senders: How many there were.
        media: That they sent.
        row: The figures; its receivers are the consumers of each.
    """

    senders: int
    media: Kind
    row: Row


def measure(
    workers: Sequence[Worker], suite: SrtpSuite | None, senders: int, each_to: int, media: Kind, settings: Settings
) -> Iterator[FanIn]:
    """Measures all workers in turns."""
    from bench.floor_process import FloorProcess
    from bench.room import Room
    from bench.sinks import Sinks

    name = suite.name if suite else "none"
    rows = {
        (worker.name, pattern): Row(worker.name, name, each_to, pattern)
        for worker in workers
        for pattern in PATTERNS[media]
    }
    with ExitStack() as stack:
        sinks = Sinks(senders)
        stack.callback(sinks.close)
        floor = stack.enter_context(FloorProcess(sinks, suite, os.urandom(suite.keying_size) if suite else b""))
        rooms: dict[str, Room] = {}
        for worker in workers:
            room = Room(worker.command, worker.dialect, suite, Sinks(senders, each_to), "simple", media, senders)
            rooms[worker.name] = stack.enter_context(room)
            room.send(seconds=max(WARM_UP_S, _round_s(senders, each_to, settings.rate)), rate=settings.rate)
        for _ in range(settings.repeats):
            for (worker_name, pattern), row in rows.items():
                _repeat(row, rooms[worker_name], floor, media, pattern, settings)
    for row in rows.values():
        yield FanIn(senders, media, row)


def _round_s(senders: int, each_to: int, rate: float) -> float:
    """By then each has sent a packet, and its consumers have got a key frame."""
    return senders * each_to / rate


def _repeat(row: Row, room: Room, floor: FloorProcess, media: Kind, pattern: Pattern, settings: Settings) -> None:
    from bench.room import PACKET_SIZE

    row.floor_us.append(floor.cpu_us(round(settings.rate * settings.seconds), PACKET_SIZE[media], settings.rate))
    row.add(room.send(seconds=settings.seconds, rate=settings.rate, in_bursts=pattern == "bursts"))


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line. Exits with 2 when it is wrong."""
    parser = command_parser("bench.fan_in", __doc__, EXPLANATION)
    add_arguments(parser)
    parser.add_argument("-n", "--senders", type=int, default=500, help="default: 500")
    parser.add_argument("--each-to", type=int, default=9, help="consumers of each (default 9)")
    parser.add_argument("--media", nargs="+", choices=list(PATTERNS), default=list(PATTERNS))
    parser.add_argument("--suite", choices=SUITES, default=SUITES[0])
    parser.add_argument("--rate", type=float, default=30_000, help="forwarded packets a second (default 30000)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement (default 2)")
    parser.add_argument("--repeats", type=int, default=5, help="medians of so many (default 5)")
    conclusion.add_arguments(parser, "bench.fan_in", "when a packet was lost")
    options = parser.parse_args(arguments)
    if min(options.each_to, options.repeats) < 1 or min(options.rate, options.seconds) <= 0:
        parser.error("each-to, repeats, rate and seconds must be greater than 0")
    if options.senders <= options.each_to:
        parser.error("expected more senders than each has consumers")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes the JSON."""
    options = parse_arguments(arguments)
    build(measuring=True)
    from miso.worker.srtp_suite import SrtpSuite

    suite = None if options.suite == "none" else SrtpSuite[options.suite]
    settings = Settings(options.seconds, options.rate, options.repeats)
    measured: list[FanIn] = []
    for media in options.media:
        for one in measure(chosen_workers(options), suite, options.senders, options.each_to, media, settings):
            measured.append(one)
            print(line(one), flush=True)
    found = conclusion.Found(
        settings=conclusion.chosen(options, "senders", "each_to", "seconds", "rate", "repeats"),
        rows=[{"senders": one.senders, "media": one.media, **as_row(one.row)} for one in measured],
        compared=compared(measured),
        wrong=lost([one.row for one in measured]),
    )
    return conclusion.conclude(options, arguments, found)


def compared(measured: Sequence[FanIn]) -> list[Compared]:
    """CPU for each packet, of the floor and of all workers."""
    groups: dict[str, dict[str, float]] = {}
    for one in measured:
        what = f"{one.senders} with {one.media} to {one.row.receivers} each, {one.row.suite}, {one.row.pattern}"
        figures = groups.setdefault(what, {"floor": median(one.row.floor_us)})
        figures[one.row.worker] = median(one.row.cpu_us)
    return [Compared(what, "µs CPU for each packet", figures) for what, figures in groups.items()]


def line(one: FanIn) -> str:
    """One row of the table."""
    return (
        f"{one.row.worker:<12}{one.senders:>5} to {one.row.receivers} each  {one.media:<6}{one.row.pattern:<7}"
        f"{median(one.row.cpu_us):>8.2f} µs, floor {median(one.row.floor_us):.2f} µs, ratio {one.row.ratio:.2f}, "
        f"{one.row.lost} of {one.row.expected} lost"
    )


if __name__ == "__main__":
    sys.exit(main())
