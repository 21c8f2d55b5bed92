"""``python -m bench.reports``: what a worker's own reports and estimates cost, for each transport and second."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from statistics import median

from bench import conclusion
from bench.command_line import command_parser
from bench.report import Compared
from bench.workers import Worker, add_arguments, chosen_workers
from miso.worker.srtp_suite import SrtpSuite
from native.extensions import build

EXPLANATION = """
N consumers of one VP8 producer, each on a plain transport of its own with AES_CM_128_HMAC_SHA1_80. "idle": nothing is
sent, so that nothing is reported either. "media": two packets a second are forwarded to each, which costs little, and
each transport sends a report a second or so. What the worker takes with one consumer is taken off: what is told is
the difference, divided by the difference in consumers. Nobody answers the reports.
"""
PACKETS_PER_SECOND = 2
SETTLED_AFTER_S = 3.0
FEW = 1


def measure(worker: Worker, transports: int, seconds: float, repeats: int) -> tuple[float, float]:
    """CPU in us for each transport and second, idle and with media: medians."""
    few, many = (_measure_room(worker, count, seconds, repeats) for count in (FEW, transports))
    idle, media = ((after - before) / (transports - FEW) for before, after in zip(few, many, strict=True))
    return idle, media


def _measure_room(worker: Worker, receivers: int, seconds: float, repeats: int) -> tuple[float, float]:
    """CPU in us for each second, of all."""
    from bench.room import Room  # compiled first

    suite = SrtpSuite.AES_CM_128_HMAC_SHA1_80
    idle, media = [], []
    with Room(worker.command, worker.dialect, suite, receivers, "simple") as room:
        time.sleep(SETTLED_AFTER_S)
        for _ in range(repeats):
            cpu_ns, began_s = room.cpu_ns(), time.monotonic()
            time.sleep(seconds)
            idle.append((room.cpu_ns() - cpu_ns) / 1000 / (time.monotonic() - began_s))
        for _ in range(1 + repeats):  # the first warms up
            cpu_ns, began_s = room.cpu_ns(), time.monotonic()
            room.send(seconds=seconds, rate=PACKETS_PER_SECOND * receivers, late_s=0)
            media.append((room.cpu_ns() - cpu_ns) / 1000 / (time.monotonic() - began_s))
    return median(idle), median(media[1:])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes the JSON."""
    parser = command_parser("bench.reports", __doc__, EXPLANATION)
    add_arguments(parser)
    parser.add_argument("-n", "--transports", type=int, default=1000, help="default: 1000")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement (default 4)")
    parser.add_argument("--repeats", type=int, default=3, help="medians of so many (default 3)")
    conclusion.add_arguments(parser, "bench.reports")
    options = parser.parse_args(arguments)
    if options.transports <= FEW or options.seconds <= 0 or options.repeats < 1:
        parser.error(f"expected more than {FEW} transport, and seconds and repeats greater than 0")
    build(measuring=True)
    idle: dict[str, float] = {}
    media: dict[str, float] = {}
    for worker in chosen_workers(options):
        name = worker.name
        idle[name], media[name] = measure(worker, options.transports, options.seconds, options.repeats)
        print(f"{name}: {idle[name]:.1f} us for each transport and second idle, {media[name]:.1f} us with media")
    unit = "µs CPU for each transport and second"
    found = conclusion.Found(
        settings=conclusion.chosen(options, "transports", "seconds", "repeats"),
        rows=[{"worker": name, "idle_us": idle[name], "media_us": media[name]} for name in idle],
        compared=[Compared("idle", unit, idle), Compared("with media", unit, media)],
    )
    return conclusion.conclude(options, arguments, found)


if __name__ == "__main__":
    sys.exit(main())
