"""Runs fuzz targets, bounded: ``python -m tests.fuzz [--seconds 10] [--inputs 100000] [--seed 1] [TARGET …]``.

A target is a module in ``tests/fuzz/targets`` with ``SEEDS`` (valid inputs) and ``run(data)``, which returns, or raises
``miso.worker.errors.ParseError`` (or the classes in the target's ``DOCUMENTED``). Anything else is a finding, and so is
an input that takes longer than a second. A finding is printed with the bytes that made it, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz.engine import Finding, Report, fuzz, load_target, target_names


def main() -> int:
    """Fuzzes the chosen targets one after another and prints a line for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n\n")[0])
    parser.add_argument("targets", nargs="*", help="names of targets (default: all)")
    parser.add_argument("--seconds", type=float, default=10.0, help="at most this long for each target (default 10)")
    parser.add_argument("--inputs", type=int, default=100_000, help="at most this many inputs for each target")
    parser.add_argument("--seed", type=int, default=None, help="of the mutations (default: from the clock, printed)")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int(time.time())
    failed = False
    print(f"seed {seed}")
    for name in options.targets or target_names():
        result = fuzz(load_target(name), seed=seed, inputs=options.inputs, seconds=options.seconds)
        if isinstance(result, Report):
            print(
                f"{name:<24} {result.inputs:>8} inputs  {result.accepted:>8} accepted  "
                f"{result.rejected:>8} rejected  slowest {result.slowest_ms:.1f} ms"
            )
        elif isinstance(result, Finding):
            failed = True
            print(f"{name:<24} FOUND: {result.what}\n    input: bytes.fromhex({result.data.hex()!r})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
