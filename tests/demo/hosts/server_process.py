"""A server of a cluster in a process of its own, which tells what it holds when it is asked."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from miso.commands.process import allow_many_descriptors, freeze_what_stays, loop_factory
from miso.demo.server import DemoServer
from tests.demo.conftest import free_ports, ws_url
from tests.soak.processes import Holding, holding

ROOT = Path(__file__).resolve().parents[3]
_START_S = 120.0
_ANSWER_S = 60.0


@dataclass(frozen=True)
class Held:
    """What a server holds.

    Attributes:
        rooms: How many rooms it has.
        nodes: How many hosts it sees.
        tasks: How many tasks there are in its event loop.
        objects: How many objects the garbage collector follows, those of the start not among them.
        routers: Of its workers, as they say themselves.
        transports: Of the WebRTC servers of its workers, as they say themselves.
        routed: The routers that its workers have had since the start.
        piped: The ends of pipes.
        worker_pids: Its workers.
    """

    rooms: int
    nodes: int
    tasks: int
    objects: int
    routers: int
    transports: int
    routed: int
    piped: int
    worker_pids: list[int]


class ServerProcess:
    """The parent's side.

    Attributes:
        url: For protoo clients.

    Args:
        directory: Where it keeps its files.
        settings: Those of the ``controller`` command, beside those of ``free_ports``.
    """

    def __init__(self, directory: Path, **settings: object) -> None:
        self._directory = directory
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Starts it. Raises RuntimeError when it ends at once; what it logs is on our standard error."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.demo.hosts.server_process", str(self._directory)),
            json.dumps(self._settings),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self.url = (await self._line(_START_S)).decode().strip()

    async def ask(self) -> Held:
        """What it holds now."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return Held(**json.loads(await self._line(_ANSWER_S)))

    async def processes(self) -> dict[str, Holding]:
        """What its processes hold, by what they are."""
        workers = sorted((await self.ask()).worker_pids)
        return {
            "controller": holding(self.pid),
            **{f"worker {number}": holding(pid) for number, pid in enumerate(workers, 1)},
        }

    async def close(self) -> None:
        """Ends it in good order. May be called again."""
        if self._process is None or self._process.returncode is not None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _ANSWER_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _line(self, within_s: float) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), within_s)
        if not line:
            raise RuntimeError("the server has ended")
        return line


async def _serve(directory: Path, settings: dict[str, Any]) -> None:
    server = DemoServer(free_ports(directory, **settings))
    made = _Made()
    await server.start()
    for worker in server.workers.pool.workers:
        worker.observer.on("newrouter", made.watch)
    freeze_what_stays()
    print(ws_url(server), flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        print(json.dumps(asdict(await _held(server, made))), flush=True)
    await server.close()


class _Made:
    """What has been made since the start."""

    def __init__(self) -> None:
        self.routers = 0
        self.pipes = 0

    def watch(self, router: Any) -> None:
        """One more router."""
        self.routers += 1
        router.observer.on("newtransport", self._transport)

    def _transport(self, transport: object) -> None:
        self.pipes += type(transport).__name__ == "PipeTransport"


async def _held(server: DemoServer, made: _Made) -> Held:
    workers = server.workers.pool.workers
    dumps = [await worker.dump() for worker in workers]
    servers = [await one.dump() for worker in workers for one in worker.web_rtc_servers]
    gc.collect()
    return Held(
        rooms=len(server.rooms),
        nodes=len(server.directory.nodes),
        tasks=len(asyncio.all_tasks()),
        objects=len(gc.get_objects()),
        routers=sum(len(dump.router_ids) for dump in dumps),
        transports=sum(len(dump.web_rtc_transport_ids) for dump in servers),
        routed=made.routers,
        piped=made.pipes,
        worker_pids=[worker.pid for worker in workers],
    )


def main() -> None:
    """The child: ends when its standard input does."""
    allow_many_descriptors()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(Path(sys.argv[1]), json.loads(sys.argv[2])))


if __name__ == "__main__":
    main()
