"""``python -m tests.harness --worker-bin PATH [--dialect …] [--client …]``: every command, ok or failed and why.

The dialects are 3.10 and 3.12; the clients have the habits of mediasoup's Node API (``node``) and of mediasoup-go
(``go``). Without a choice all four combinations are tried.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from itertools import product

from miso.worker.channel.codec import Dialect
from tests.harness.client import WorkerClient, WorkerGone
from tests.harness.conversation import Conversation, Outcome
from tests.harness.go_client import GoClient

CLIENTS: dict[str, type[WorkerClient]] = {"node": WorkerClient, "go": GoClient}


def run(worker_bin: list[str], dialect: Dialect, kind: type[WorkerClient] = WorkerClient) -> list[Outcome]:
    """Holds the conversation; a worker that dies on the way, or does not start in time, is a last outcome."""
    outcomes: list[Outcome] = []
    with kind(worker_bin, dialect, wait=False) as client:
        try:
            client.wait_until_running()
            outcomes.extend(Conversation(client).hold())
        except (WorkerGone, BrokenPipeError, subprocess.TimeoutExpired) as error:
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
    """Prints a table per dialect and client; 1 when anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.harness", description=__doc__)
    parser.add_argument("--worker-bin", default=f"{sys.executable} -m miso.worker", help="command line of the worker")
    parser.add_argument("--dialect", choices=["3.10", "3.12", "both"], default="both")
    parser.add_argument("--client", choices=[*CLIENTS, "both"], default="both", help="whose habits (default: both)")
    options = parser.parse_args()
    failed = False
    dialects = Dialect if options.dialect == "both" else [Dialect(options.dialect)]
    clients = CLIENTS if options.client == "both" else [options.client]
    for dialect, client in product(dialects, clients):
        print(f"dialect {dialect.value}, client {client}")
        outcomes = run(shlex.split(options.worker_bin), dialect, CLIENTS[client])
        print_table(outcomes)
        failed = failed or any(outcome.wrong for outcome in outcomes)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
