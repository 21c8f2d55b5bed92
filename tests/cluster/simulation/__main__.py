"""``python -m tests.cluster.simulation --seeds 1000``: runs seeds in a world of 200 hosts, and prints counts.

A seed after which something is not as it should be is printed with what is wrong, how to run it again, the smallest
world in which it still is, and what happened there last; the exit code is 1 then. With ``--out FILE`` each seed leaves
a line there when it has run, and those that have one are not run again: a run may be stopped, and gone on with.
``--summary FILE`` prints what such a file says.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.cluster.simulation.counts import Counts
from tests.cluster.simulation.results import Result, append, done, summary
from tests.cluster.simulation.run import Outcome, run, shrink
from tests.cluster.simulation.world import Size


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds")
    parser.add_argument("--from", dest="first", type=int, default=1, help="the first of them")
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--participants", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=1, help="how many processes")
    parser.add_argument("--out", type=Path, help="a file for a line of JSON for each seed")
    parser.add_argument("--summary", type=Path, metavar="FILE", help="only print what such a file says")
    parser.add_argument("--trace", action="store_true", help="print what happened last in each run")
    options = parser.parse_args()
    if options.summary is not None:
        print(summary(options.summary))
        return 0
    size = Size(hosts=options.hosts, participants=options.participants)
    commit = code()
    seeds = range(options.first, options.first + options.seeds)
    has_run = set() if options.out is None else done(options.out, size)
    left = [seed for seed in seeds if seed not in has_run]
    total, failed, cpu_s = Counts(), 0, 0.0
    with ProcessPoolExecutor(options.jobs, initializer=gc.disable) as pool:
        runs = [pool.submit(run_and_forget, seed, size) for seed in left]
        for number, one in enumerate(as_completed(runs), 1):
            outcome: Outcome = one.result()
            total.add(outcome.counts)
            cpu_s += outcome.cpu_s
            if options.out is not None:
                append(options.out, Result.of(outcome, size, commit))
            if outcome.wrong:
                failed += 1
                report(outcome, size, shrinks=options.out is None)
            elif options.trace:
                print("\n".join(outcome.trace))
            if number % 10 == 0 or number == len(left):
                print(f"{number} of {len(left)} seeds, {failed} failed, {cpu_s:.0f} s of CPU; {total}", flush=True)
    return 1 if failed else 0


def code() -> str:
    """Which commit this is, with a mark when something has changed since."""
    result = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip() or "unknown"


def run_and_forget(seed: int, size: Size) -> Outcome:
    """Runs a seed, and gives its world's memory back; while it runs, looking for garbage only takes time."""
    outcome = run(seed, size)
    gc.collect()
    return outcome


def report(outcome: Outcome, size: Size, *, shrinks: bool) -> None:
    """Prints what is wrong, and may look for a smaller world in which something is."""
    print(f"seed {outcome.seed}: {len(outcome.wrong)} things are wrong: {outcome.weather}")
    for wrong in outcome.wrong[:10]:
        print(f"  {wrong[:600]}")
    if not shrinks:
        sys.stdout.flush()
        return
    smaller, small = shrink(outcome, size)
    print(f"  the smallest: python -m tests.cluster.simulation --from {small.seed} --seeds 1 ", end="")
    print(f"--hosts {smaller.hosts} --participants {smaller.participants}")
    for line in (*small.wrong[:10], *small.trace[-60:]):
        print(f"    {line[:600]}")
    sys.stdout.flush()


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets of strings have the same order in each run then
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.cluster.simulation", *sys.argv[1:]])
    sys.exit(main())
