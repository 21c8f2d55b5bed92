"""Hostile people on a server with honest ones: does anybody honest notice?

``python -m tests.chaos --minutes 5`` starts the demo server with two workers, a call of three people with sound and
picture, a crowd of twenty-seven in nine other rooms, and then eleven hostile peers at once, each with an attack of its
own (``tests/chaos/hostile.py``), most of them against the worker that has the call.

It passes when the call loses at most 1 % of its packets and no stream of it stands still for over 500 ms, when nobody
ends, when the processes hold at most 20 MB more after the attacks than before, and when ``/health`` answers within
100 ms in 99 of 100 cases. What these are without attacks is measured first: on a machine that is busy with other things
thrice as much may be lost, and thrice as long is no longer. What others use of the machine during the attacks is seen,
too: for each percent beyond 5 a fifth more may be lost, or last.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Self

from native.extensions import build
from tests import sanitizers
from tests.browser.server import ROOT, DemoServer, running
from tests.chaos.machine import OthersLoad
from tests.soak.processes import holding

MAX_LOSS = 0.01
MAX_GAP_S = 0.5
MAX_GROWTH_BYTES = 20 * 2**20
MAX_HEALTH_S = 0.1
HEALTH_PERCENTILE = 0.99
PROBLEMS = "noticed:"
"""The line before what the honest people noticed, and the last one, which says whether that is nothing."""
_HEALTH_INTERVAL_S = 0.1
_HEALTH_TIMEOUT_S = 10.0
_READY_TIMEOUT_S = 180.0
_CALM_S = 8.0
"""How long it is looked before the attacks, at most as long as they last."""
_BUSY_FACTOR = 3
_OTHERS_IGNORED = 0.05
_FACTOR_OF_OTHERS = 20
_REST_S = 12.0
"""How long after the attacks the look at the memory is taken: their transports have to be given up first."""


class Program:
    """A process of ours that is spoken to by lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, module: str, *arguments: str) -> Self:
        """Starts a module of this package."""
        return cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", f"tests.chaos.{module}", *arguments),
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        )

    def tell(self, line: str) -> None:
        """Says a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    async def hear(self) -> str:
        """The next line. Raises TimeoutError, and RuntimeError when the process has ended."""
        assert self._process.stdout is not None
        async with asyncio.timeout(_READY_TIMEOUT_S):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a process of the chaos ended with {await self._process.wait()}")
        return line.decode()

    async def end(self) -> None:
        """Kills it."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


@dataclass(frozen=True, slots=True)
class Observed:
    """What was noticed for a while.

    Attributes:
        loss: Of whose packets which part was lost.
        gap_s: The longest time in which a stream of theirs stood still.
        health_s: How long ``/health`` took in 99 of 100 cases at most.
        others: Which part of the machine was used by processes that have nothing to do with it.
    """

    loss: dict[str, float]
    gap_s: dict[str, float]
    health_s: float
    others: float

    def __str__(self) -> str:
        people = [f"{name} lost {self.loss[name]:.3%}, longest gap {self.gap_s[name]:.3f} s" for name in self.loss]
        return "; ".join(
            [*people, f"/health {self.health_s * 1000:.0f} ms", f"others used {self.others:.0%} of the CPU"]
        )

    @property
    def allowance(self) -> float:
        """How many times as much as on a machine of its own may be lost, or last."""
        return 1 + _FACTOR_OF_OTHERS * max(0.0, self.others - _OTHERS_IGNORED)


@dataclass(slots=True)
class Chaos:
    """One run.

    Attributes:
        server: Whom it is about.
        seconds: How long the attacks last.
        problems: What the honest people noticed.
    """

    server: DemoServer
    seconds: float
    problems: list[str] = field(default_factory=list)

    async def run(self) -> bool:
        """Attacks and judges."""
        async with AsyncExitStack() as stack:
            url = f"ws://127.0.0.1:{self.server.port}"
            crowd = await self._start(stack, "people", url, "crowd")
            await crowd.hear()
            call = await self._start(stack, "people", url, "call")
            paths = json.loads(await call.hear())
            victims = [f"{ip}:{port}" for ip, port in paths["from"]]
            pids = [self.server.pid, *self.server.worker_pids]
            calm = await self._observe(people := {"call": call, "crowd": crowd}, min(_CALM_S, self.seconds))
            before = _rss_bytes(pids)
            hostile = await self._start(stack, "hostile", str(self.server.port), str(paths["to"][1]), *victims)
            await hostile.hear()
            chaos = await self._observe(people, self.seconds)
            hostile.tell("enough")
            attacks = json.loads(await hostile.hear())
            await asyncio.sleep(_REST_S)
            after = _rss_bytes(pids)
            print(f"attacks: {attacks['done']}")
            self.problems += [f"an attack could not be made: {bug}" for bug in attacks["bugs"]]
            self._judge(calm, chaos)
            grown = {pid: after[pid] - before[pid] for pid in before}
            growth = sum(grown.values())
            shown = ", ".join(
                f"{name} {one / 2**20:+.1f} MB" for name, one in zip(names(grown), grown.values(), strict=True)
            )
            print(f"memory: {growth / 2**20:+.1f} MB ({shown})")
            # ASan keeps 256 MB of what each process has freed.
            if growth > MAX_GROWTH_BYTES and not sanitizers.are_on():
                self.problems.append(f"the processes hold {growth / 2**20:.0f} MB more")
            if [self.server.pid, *self.server.worker_pids] != pids:
                self.problems.append("a worker ended")
            for program in people.values():
                program.tell("leave")
        return not self.problems

    async def _observe(self, people: dict[str, Program], seconds: float) -> Observed:
        """What the honest people and ``/health`` notice in so many seconds."""
        for program in people.values():
            program.tell("measure")
        others = OthersLoad()
        delays_s = sorted(await self._ask_health(seconds))
        others_share = others.share()
        for program in people.values():
            program.tell("report")
        reports = {name: json.loads(await program.hear()) for name, program in people.items()}
        return Observed(
            loss={name: one["lost"] / max(1, one["packets"] + one["lost"]) for name, one in reports.items()},
            gap_s={name: one["longestGap"] for name, one in reports.items()},
            health_s=delays_s[int(len(delays_s) * HEALTH_PERCENTILE)],
            others=others_share,
        )

    async def _start(self, stack: AsyncExitStack, module: str, *arguments: str) -> Program:
        program = await Program.start(module, *arguments)
        stack.push_async_callback(program.end)
        return program

    async def _ask_health(self, seconds: float) -> list[float]:
        """How long each answer took, in seconds."""
        delays_s: list[float] = []
        deadline = time.monotonic() + seconds
        while (began_s := time.monotonic()) < deadline:
            try:
                async with asyncio.timeout(_HEALTH_TIMEOUT_S):
                    status = await _health(self.server.port)
                if status != 200:
                    self.problems.append(f"/health answered {status}")
            except (TimeoutError, OSError) as error:
                self.problems.append(f"/health did not answer: {error!r}")
            delays_s.append(time.monotonic() - began_s)
            await asyncio.sleep(_HEALTH_INTERVAL_S)
        return delays_s

    def _judge(self, calm: Observed, chaos: Observed) -> None:
        print(f"before: {calm}\nduring: {chaos}")
        for name in chaos.loss:
            if chaos.loss[name] > max(MAX_LOSS * chaos.allowance, _BUSY_FACTOR * calm.loss[name]):
                self.problems.append(f"the {name} lost {chaos.loss[name]:.1%} of its packets")
            if chaos.gap_s[name] > max(MAX_GAP_S * chaos.allowance, _BUSY_FACTOR * calm.gap_s[name]):
                self.problems.append(f"a stream of the {name} stood still for {chaos.gap_s[name]:.2f} s")
        if chaos.health_s > max(MAX_HEALTH_S * chaos.allowance, _BUSY_FACTOR * calm.health_s):
            self.problems.append(f"/health took {chaos.health_s:.2f} s in one of a hundred cases")


async def _health(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /health HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode())
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


def _rss_bytes(pids: list[int]) -> dict[int, int]:
    return {pid: holding(pid).rss_bytes for pid in pids if os.path.exists(f"/proc/{pid}")}


def names(pids: Iterable[int]) -> list[str]:
    """Who they are: the controller process comes first."""
    return ["controller", *(f"worker {number}" for number, _ in enumerate(list(pids)[1:], 1))]


async def chaos(seconds: float, log_level: str) -> bool:
    """Starts a server and attacks it; False when somebody honest noticed."""
    server = DemoServer(workers=2, arguments=("--log-level", log_level))
    async with running(server):
        run = Chaos(server, seconds)
        try:
            passed = await run.run()
        finally:
            lines = server.log.splitlines()
            print(f"the server's log has {len(lines)} lines; the last ones:", *lines[-20:], sep="\n")
    print(PROBLEMS, *run.problems, "passed" if passed else "failed", sep="\n")
    return passed


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.partition("\n\n")[2])
    parser.add_argument("--minutes", type=float, default=5.0, help="of attacks (default: %(default)s)")
    parser.add_argument("--log-level", default="warning", help="the server's (default: %(default)s)")
    chosen = parser.parse_args()
    build()
    return 0 if asyncio.run(chaos(chosen.minutes * 60, chosen.log_level)) else 1


if __name__ == "__main__":
    sys.exit(main())
