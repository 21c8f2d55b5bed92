"""``python -m tests.harness --worker-bin PATH [--dialect 3.10|3.12|both]``: every command, ok or failed and why."""

from __future__ import annotations

import argparse
import shlex
import sys

from tests.harness.client import WorkerClient, WorkerGone
from tests.harness.conversation import Conversation, Outcome
from worker.channel.codec import Dialect


def run(worker_bin: list[str], dialect: Dialect) -> list[Outcome]:
    """Holds the conversation; a worker that dies on the way is a last outcome."""
    outcomes: list[Outcome] = []
    with WorkerClient(worker_bin, dialect) as client:
        try:
            outcomes.extend(Conversation(client).hold())
        except (WorkerGone, BrokenPipeError) as error:
            code = client.process.poll()
            outcomes.append(Outcome("the worker", "", f"{error}; exit code {code}"))
    return outcomes


def print_table(outcomes: list[Outcome]) -> None:
    """One line per exchange."""
    width = max(len(outcome.command) for outcome in outcomes) + 2
    for outcome in outcomes:
        verdict = f"FAILED  {outcome.wrong}" if outcome.wrong else "ok"
        print(f"{outcome.command:<{width}}{outcome.about:<32}{verdict}")
    failed = sum(bool(outcome.wrong) for outcome in outcomes)
    print(f"{len(outcomes) - failed} ok, {failed} failed\n")


def main() -> int:
    """Prints a table per dialect; 1 when anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.harness", description=__doc__)
    parser.add_argument("--worker-bin", default=f"{sys.executable} -m worker", help="command line of the worker")
    parser.add_argument("--dialect", choices=["3.10", "3.12", "both"], default="both")
    options = parser.parse_args()
    failed = False
    for dialect in Dialect if options.dialect == "both" else [Dialect(options.dialect)]:
        print(f"dialect {dialect.value}")
        outcomes = run(shlex.split(options.worker_bin), dialect)
        print_table(outcomes)
        failed = failed or any(outcome.wrong for outcome in outcomes)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
