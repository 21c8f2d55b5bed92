"""Compares our own SRTP with libsrtp: ``python -m tests.worker.srtp [--packets N] [--seed N]``, a million without.

Each code that this CPU can run protects so many packets, a share of each suite, and opens as many that came in any
order, twice, cut or forged; and a quarter as much RTCP. Exit code 1 for the first that differs.
"""

from __future__ import annotations

import argparse
import sys
import time

from miso.worker.srtp import choice, cipher
from miso.worker.srtp_suite import SrtpSuite
from tests.worker.srtp.witness import compare, compare_opened, compare_rtcp


def main() -> int:
    """Runs the comparison."""
    parser = argparse.ArgumentParser(prog="python -m tests.worker.srtp", description=__doc__)
    parser.add_argument("--packets", type=int, default=1_000_000, help="for each code, all suites together")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for name, allowed in choice.CHOICES.items():
        parts = allowed & cipher.parts_here()
        if not name or not parts:
            continue
        cipher.use(parts)
        for suite in SrtpSuite:
            share = arguments.packets // len(SrtpSuite)
            for what, compared in (
                ("protected", compare(suite, share, arguments.seed)),
                ("opened", compare_opened(suite, share, arguments.seed)),
                ("of RTCP protected", compare_rtcp(suite, share // 4, arguments.seed)),
                ("of RTCP opened", compare_opened(suite, share // 4, arguments.seed, is_rtcp=True)),
            ):
                count = refused = 0
                began = time.process_time()
                for packet, theirs, ours in compared:
                    count += 1
                    refused += theirs is None
                    if theirs != ours:
                        sys.stdout.write(
                            f"{name} {suite.name}: {packet.hex()} became {ours!r}, of libsrtp {theirs!r}\n"
                        )
                        return 1
                seconds = time.process_time() - began
                sys.stdout.write(
                    f"{name} (parts {parts}) {suite.name}: {count} packets {what} alike, "
                    f"{refused} of them refused by both, {seconds:.0f} s of CPU\n"
                )
                sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
