"""Makes and leaves rooms for a while, and looks whether the server keeps anything of them.

``python -m tests.soak`` starts the demo server with four workers and has 200 rooms made, used and left within twenty
minutes, by guests with real media, two or three in a room, audio and sometimes video. Three rooms of four are left
politely, the others are not: the guests are killed, or fall silent until the server gives them up.

It passes when, with all rooms closed, every process holds as many descriptors as after the first 20 rooms, and at most
5 % more memory.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import signal
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from native.extensions import build
from tests.browser.server import DemoServer, running
from tests.soak.guests import PATIENCE_S, run_room
from tests.soak.processes import Holding, holding

MEMORY_GROWTH = 0.05
_QUIET_S = 3.0
"""How long nothing has happened before a look is taken."""
_EMPTY_TIMEOUT_S = 60.0

_ROOM_KINDS = ("polite", "polite", "killed", "polite", "polite", "polite", "silent", "polite")


@dataclass(slots=True)
class Soak:
    """One run's rooms and what was seen.

    Attributes:
        server: Whose rooms they are.
        rooms: How many in all.
        warm_up: After how many of them the first look is taken.
        interval_s: From one room's beginning to the next one's.
        stay_s: How long guests stay once media flow.
        silence_s: How long guests stay who fell silent: longer than the server bears it.
        failures: What went wrong, beside what was kept.
    """

    server: DemoServer
    rooms: int
    warm_up: int
    interval_s: float
    stay_s: float
    silence_s: float
    failures: list[str] = field(default_factory=list)

    async def run(self) -> bool:
        """Runs all rooms and judges; False when something was kept, or a room did not work."""
        first = await self._run_rooms(range(self.warm_up))
        last = await self._run_rooms(range(self.warm_up, self.rooms))
        kept = _compare(first, last)
        for problem in [*self.failures, *kept]:
            print(problem)
        print("failed" if self.failures or kept else "passed")
        return not self.failures and not kept

    async def _run_rooms(self, numbers: range) -> dict[str, Holding]:
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for count, number in enumerate(numbers):
                await asyncio.sleep(max(0.0, began + count * self.interval_s - time.monotonic()))
                group.create_task(self._one_room(number))
                if number % 10 == 0:
                    _show(f"room {number}", self._look())
        await self._until_empty()
        await asyncio.sleep(_QUIET_S)
        seen = self._look()
        _show(f"{numbers.stop} rooms made and left", seen)
        return seen

    async def _one_room(self, number: int) -> None:
        kind = _ROOM_KINDS[number % len(_ROOM_KINDS)]
        ours, theirs = multiprocessing.get_context("forkserver").Pipe()
        process = multiprocessing.get_context("forkserver").Process(
            target=run_room,
            args=(
                f"ws://localhost:{self.server.port}",
                f"soak-{number}",
                3 if number % 5 == 0 else 2,
                self.stay_s,
                number % 4 == 0,
                theirs,
            ),
            daemon=True,
        )
        process.start()
        theirs.close()
        assert process.pid is not None
        try:
            if await _next_word(ours) != "media":
                self.failures.append(f"room {number}: media did not flow between its guests")
                return
            if kind == "polite":
                if await _next_word(ours) != "left":
                    self.failures.append(f"room {number}: its guests could not leave")
            elif kind == "silent":
                os.kill(process.pid, signal.SIGSTOP)
                await asyncio.sleep(self.silence_s)
        finally:
            process.kill()
            await asyncio.to_thread(process.join)
            process.close()
            ours.close()

    async def _until_empty(self) -> None:
        deadline = time.monotonic() + _EMPTY_TIMEOUT_S
        while (peers := await asyncio.to_thread(self._gauge, "miso_rooms")) > 0:
            if time.monotonic() > deadline:
                self.failures.append(f"{peers:.0f} rooms are still there {_EMPTY_TIMEOUT_S:.0f} s after everybody left")
                return
            await asyncio.sleep(0.5)

    def _gauge(self, name: str) -> float:
        with urllib.request.urlopen(f"http://localhost:{self.server.port}/metrics", timeout=_EMPTY_TIMEOUT_S) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(f"{name} "):
                    return float(line.split()[1])
        raise LookupError(name)

    def _look(self) -> dict[str, Holding]:
        pids = {"controller": self.server.pid}
        pids |= {f"worker {number}": pid for number, pid in enumerate(sorted(self.server.worker_pids), 1)}
        return {name: holding(pid) for name, pid in pids.items()}


async def _next_word(connection: Connection) -> str:
    """What the guests say next; empty when they do not, or are gone."""

    def receive() -> str:
        try:
            return str(connection.recv()) if connection.poll(2 * PATIENCE_S) else ""
        except EOFError:
            return ""

    return await asyncio.to_thread(receive)


def _compare(first: dict[str, Holding], last: dict[str, Holding]) -> list[str]:
    problems = []
    for name, before in first.items():
        after = last.get(name)
        if after is None:
            problems.append(f"{name}: gone")
            continue
        if after.descriptors != before.descriptors:
            problems.append(f"{name}: {after.descriptors} descriptors, {before.descriptors} before")
        growth = after.rss_bytes / before.rss_bytes - 1
        if growth > MEMORY_GROWTH:
            problems.append(f"{name}: {growth:.1%} more memory")
    return problems


def _show(moment: str, seen: dict[str, Holding]) -> None:
    figures = "  ".join(f"{name}: {one.descriptors} fd {one.rss_bytes / 2**20:.1f} MB" for name, one in seen.items())
    print(f"{time.strftime('%H:%M:%S')} {moment:<28} {figures}", flush=True)


async def soak(
    minutes: float, rooms: int, workers: int, *, warm_up: int, stay_s: float, consent_timeout_s: int
) -> bool:
    """Starts a server and soaks it; False when it kept something, or a room did not work."""
    server = DemoServer(
        workers=workers, arguments=("--ice-consent-timeout", str(consent_timeout_s), "--log-level", "warning")
    )
    async with running(server):
        try:
            return await Soak(server, rooms, warm_up, minutes * 60 / rooms, stay_s, 2.0 * consent_timeout_s).run()
        finally:
            if server.log:
                print(f"the server's log:\n{server.log}")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.partition("\n\n")[2])
    parser.add_argument("--minutes", type=float, default=20.0, help="how long (default: %(default)s)")
    parser.add_argument("--rooms", type=int, default=200, help="rooms in that time (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=4, help="media workers (default: %(default)s)")
    parser.add_argument("--stay", type=float, default=2.0, help="seconds guests stay (default: %(default)s)")
    parser.add_argument("--warm-up", type=int, default=20, help="rooms before the first look (default: %(default)s)")
    parser.add_argument(
        "--consent-timeout",
        type=int,
        default=10,
        help="seconds until a silent guest is given up (default: %(default)s)",
    )
    chosen = parser.parse_args()
    if not 0 < chosen.warm_up < chosen.rooms:
        parser.error("--warm-up must be less than --rooms")
    build()
    # One process imports aiortc once; each room's is forked off it.
    multiprocessing.set_start_method("forkserver")
    multiprocessing.set_forkserver_preload(["tests.soak.guests"])
    passed = asyncio.run(
        soak(
            chosen.minutes,
            chosen.rooms,
            chosen.workers,
            warm_up=chosen.warm_up,
            stay_s=chosen.stay,
            consent_timeout_s=chosen.consent_timeout,
        )
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
