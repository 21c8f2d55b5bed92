"""``python -m bench``: CPU of a worker per forwarded packet and packets lost, beside a floor of the same run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from bench import conclusion
from bench.command_line import command_parser
from bench.figures import Settings, as_row, compared, line, lost, shown
from bench.workers import add_arguments, chosen_workers
from native.extensions import build

SUITES = ("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "none")

EXPLANATION = """
One video producer of 1100-byte packets, N consumers on plain transports of their own, with retransmission buffer, MID,
abs-send-time and transport-wide sequence numbers. "simple" is one VP8 stream; with "simulcast" three come in and the
highest is forwarded; with "svc" a VP9 stream of three spatial layers comes in and two are forwarded, four packets of
ten. "paced": packets in equal steps; "bursts": the ten packets of a frame at once. The floor is a process with a loop
in C of one sendto and one SRTP protect per packet, at the same rate in turns of a hundred, measured right before each
measurement of a worker; the ratio is the median of the pairs' ratios. With --check the exit code is 1 when a packet was
lost, or when the first worker costs more than a goal allows (bench/goals.py), of "simple" with N = 100 and 30,000
packets a second. Without AVX-512, or with MISO_SRTP=avx2 in the environment, other goals hold.
"""


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line. Exits with 2 when it is wrong."""
    parser = command_parser("bench", __doc__, EXPLANATION)
    add_arguments(parser)
    parser.add_argument("-n", "--receivers", type=int, nargs="+", default=[1, 10, 100], help="default: 1 10 100")
    parser.add_argument("--suites", nargs="+", choices=SUITES, default=[SUITES[0], SUITES[1], SUITES[3]])
    parser.add_argument("--patterns", nargs="+", choices=["paced", "bursts"], default=["paced", "bursts"])
    parser.add_argument(
        "--kinds",
        nargs="+",
        choices=["simple", "simulcast", "svc"],
        default=["simple", "simulcast", "svc"],
        help="default: all; those with layers with the first suite and the most receivers only",
    )
    parser.add_argument("--rate", type=float, default=30_000, help="forwarded packets a second (default 30000)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement (default 2)")
    parser.add_argument("--repeats", type=int, default=5, help="medians of so many (default 5)")
    parser.add_argument(
        "--quick", action="store_true", help="N = 100 only, with AES_CM_128_HMAC_SHA1_80, three repeats of 1 s"
    )
    conclusion.add_arguments(parser, "bench", "on loss, or beyond the limit told below")
    options = parser.parse_args(arguments)
    if options.quick:
        options.receivers, options.suites, options.kinds = [100], SUITES[:1], ["simple"]
        options.seconds, options.repeats = 1.0, 3
    workers = options.worker_bin or []
    if len(options.dialect or []) > max(len(workers), 1):
        parser.error("more dialects than workers")
    if min(options.receivers) < 1 or options.repeats < 1 or options.seconds <= 0 or options.rate <= 0:
        parser.error("receivers, repeats, seconds and rate must be greater than 0")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints the table while it grows, and writes the JSON."""
    options = parse_arguments(arguments)
    build(measuring=True)
    from bench.measure import measure
    from miso.worker.srtp import choice, cipher
    from miso.worker.srtp_suite import SrtpSuite

    workers = chosen_workers(options)
    suites = [None if name == "none" else SrtpSuite[name] for name in options.suites]
    settings = Settings(options.seconds, options.rate, options.repeats)
    print(
        f"{'worker':<12}{'SRTP':<26}{'N':>4}  {'kind':<10}{'pattern':<8}{'µs':>8}{'floor':>8}{'ratio':>8}{'lost':>8}",
        flush=True,
    )
    rows = []
    for row in measure(workers, suites, options.receivers, options.patterns, options.kinds, settings):
        rows.append(row)
        print(line(row), flush=True)
    found = conclusion.Found(
        settings=conclusion.chosen(options, "seconds", "rate", "repeats"),
        rows=[as_row(row) for row in rows],
        compared=compared(rows),
        shown=shown(rows, options.rate, avx512=bool(cipher.use(choice.allowed_parts()) & choice.AVX512)),
        wrong=lost(rows),
    )
    return conclusion.conclude(options, arguments, found)


if __name__ == "__main__":
    sys.exit(main())
