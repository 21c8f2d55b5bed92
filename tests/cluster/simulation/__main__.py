"""``python -m tests.cluster.simulation --seeds 1000 --hosts 200 --participants 10000``: runs seeds, and prints counts.

A seed after which something is not as it should be is printed with what is wrong, how to run it again, the smallest
world in which it still is, and what happened there last; the exit code is 1 then.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.cluster.simulation.counts import Counts
from tests.cluster.simulation.run import Outcome, run, shrink
from tests.cluster.simulation.world import Size


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds")
    parser.add_argument("--first-seed", type=int, default=1, help="the first of them")
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--participants", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=1, help="how many processes")
    parser.add_argument("--trace", action="store_true", help="print what happened last in each run")
    options = parser.parse_args()
    size = Size(hosts=options.hosts, participants=options.participants)
    total, failed, cpu_s = Counts(), 0, 0.0
    with ProcessPoolExecutor(options.jobs, initializer=gc.disable) as pool:
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        runs = [pool.submit(run_and_forget, seed, size) for seed in seeds]
        for done, one in enumerate(as_completed(runs), 1):
            outcome: Outcome = one.result()
            total.add(outcome.counts)
            cpu_s += outcome.cpu_s
            if outcome.wrong:
                failed += 1
                report(outcome, size)
            elif options.trace:
                print("\n".join(outcome.trace))
            if done % 10 == 0 or done == options.seeds:
                print(f"{done} of {options.seeds} seeds, {failed} failed, {cpu_s:.0f} s of CPU; {total}", flush=True)
    return 1 if failed else 0


def run_and_forget(seed: int, size: Size) -> Outcome:
    """Runs a seed, and gives its world's memory back; while it runs, looking for garbage only takes time."""
    outcome = run(seed, size)
    gc.collect()
    return outcome


def report(outcome: Outcome, size: Size) -> None:
    """Prints what is wrong, and looks for a smaller world in which something is."""
    print(f"seed {outcome.seed}: {len(outcome.wrong)} things are wrong: {outcome.weather}")
    for wrong in outcome.wrong[:10]:
        print(f"  {wrong[:600]}")
    smaller, small = shrink(outcome, size)
    print(f"  the smallest: python -m tests.cluster.simulation --first-seed {small.seed} --seeds 1 ", end="")
    print(f"--hosts {smaller.hosts} --participants {smaller.participants}")
    for line in (*small.wrong[:10], *small.trace[-60:]):
        print(f"    {line[:600]}")
    sys.stdout.flush()


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets of strings have the same order in each run then
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.cluster.simulation", *sys.argv[1:]])
    sys.exit(main())
