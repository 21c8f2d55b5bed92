"""Hostile people on a server with honest ones: does anybody honest notice?

``python -m tests.chaos --minutes 5`` starts the demo server with two workers, a call of three people with sound and
picture, a crowd of twenty-seven in nine other rooms, and then eleven hostile peers at once, each with an attack of its
own (``tests/chaos/hostile.py``), most of them against the worker that has the call.

It passes when the call loses at most 1 % of its packets and no stream of it stands still for over 500 ms, when nobody
ends, when the processes hold at most 20 MB more after the attacks than before, and when ``/health`` answers within
100 ms in 99 of 100 cases.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from native.extensions import build
from tests.browser.server import ROOT, DemoServer, running
from tests.chaos.hostile import COUNTS
from tests.soak.processes import holding

MAX_LOSS = 0.01
MAX_GAP_S = 0.5
MAX_GROWTH_BYTES = 20 * 2**20
MAX_HEALTH_S = 0.1
HEALTH_PERCENTILE = 0.99
_HEALTH_INTERVAL_S = 0.1
_HEALTH_TIMEOUT_S = 10.0
_READY_TIMEOUT_S = 90.0
_WARM_UP_S = 3.0
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
            await asyncio.sleep(_WARM_UP_S)
            before = _rss_bytes(pids)
            for people in (call, crowd):
                people.tell("measure")
            hostile = await self._start(stack, "hostile", str(self.server.port), str(paths["to"][1]), *victims)
            await hostile.hear()
            delays_s = await self._ask_health()
            for people in (call, crowd):
                people.tell("report")
            reports = {name: json.loads(await people.hear()) for name, people in (("call", call), ("crowd", crowd))}
            hostile.tell("enough")
            attacks = json.loads(await hostile.hear())
            await asyncio.sleep(_REST_S)
            after = _rss_bytes(pids)
            self._judge(reports, delays_s, attacks, after - before, pids)
            for people in (call, crowd):
                people.tell("leave")
        return not self.problems

    async def _start(self, stack: AsyncExitStack, module: str, *arguments: str) -> Program:
        program = await Program.start(module, *arguments)
        stack.push_async_callback(program.end)
        return program

    async def _ask_health(self) -> list[float]:
        """How long each answer took, in seconds; the attacks last as long."""
        delays_s: list[float] = []
        deadline = time.monotonic() + self.seconds
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

    def _judge(
        self,
        reports: dict[str, dict[str, float]],
        delays_s: list[float],
        attacks: dict[str, Any],
        growth_bytes: int,
        pids: list[int],
    ) -> None:
        for name, report in reports.items():
            loss = report["lost"] / max(1, report["packets"] + report["lost"])
            print(f"{name}: {report['packets']} packets, {loss:.3%} lost, longest gap {report['longestGap']:.3f} s")
            if loss > MAX_LOSS:
                self.problems.append(f"the {name} lost {loss:.1%} of its packets")
            if report["longestGap"] > MAX_GAP_S:
                self.problems.append(f"a stream of the {name} stood still for {report['longestGap']:.2f} s")
        slowest_s = sorted(delays_s)[int(len(delays_s) * HEALTH_PERCENTILE)]
        print(f"/health: {len(delays_s)} answers, p99 {slowest_s * 1000:.0f} ms, slowest {max(delays_s) * 1000:.0f} ms")
        if slowest_s > MAX_HEALTH_S:
            self.problems.append(f"/health took {slowest_s:.2f} s in one of a hundred cases")
        print(f"memory: {growth_bytes / 2**20:+.1f} MB")
        if growth_bytes > MAX_GROWTH_BYTES:
            self.problems.append(f"the processes hold {growth_bytes / 2**20:.0f} MB more")
        print(f"attacks: {attacks['done']}")
        self.problems += [f"an attack could not be made: {bug}" for bug in attacks["bugs"]]
        wanted = COUNTS if os.geteuid() == 0 else COUNTS[:-1]
        self.problems += [f"no attack was made: {name}" for name in wanted if not attacks["done"].get(name)]
        if [self.server.pid, *self.server.worker_pids] != pids:
            self.problems.append("a worker ended")


async def _health(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /health HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode())
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


def _rss_bytes(pids: list[int]) -> int:
    return sum(holding(pid).rss_bytes for pid in pids if os.path.exists(f"/proc/{pid}"))


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
    print(*run.problems, "passed" if passed else "failed", sep="\n")
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
