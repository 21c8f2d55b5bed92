"""Workers with many peers, and their CPU while these check, in turns with the floor."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any, Final, Literal

from bench.checks.echo_process import EchoProcess
from bench.checks.peers import EchoPeer, Peer
from bench.processes import cpu_ns
from bench.room import LOCAL, ROUTER
from bench.workers import Worker, accepted
from miso.worker.channel import commands
from miso.worker.channel.bodies.router import CreateWebRtcTransportWithServerRequest
from miso.worker.channel.bodies.web_rtc_server import CreateWebRtcServerRequest, ListenInfo
from miso.worker.channel.bodies.worker import CreateRouterRequest
from miso.worker.channel.commands import Command
from tests.harness.client import WorkerClient

Pattern = Literal["in turn", "paced", "bursts"]
PATTERNS: Final[tuple[Pattern, ...]] = ("in turn", "paced", "bursts")
LATE_S = 5.0  # what is not answered by then is lost
_SETTLED_AFTER_S = 0.5
_BURST_EVERY_S = 0.2  # a worker answers each peer only so many checks a second


@dataclass(slots=True)
class Row:
    """What was measured of one worker, or of the floor.

    Attributes:
        worker: Its name.
        peers: How many.
        idle_us: CPU of each second in which nobody checks, by repeat.
        check_us: CPU for each check, without that of an idle worker, by pattern and repeat.
        sent: Checks, all together.
        answered: How many of them were answered as they should be.
    """

    worker: str
    peers: int
    idle_us: list[float] = field(default_factory=list)
    check_us: dict[Pattern, list[float]] = field(default_factory=lambda: {pattern: [] for pattern in PATTERNS})
    sent: int = 0
    answered: int = 0


def measure(workers: Sequence[Worker], peers: int, checks: int, rate: float, repeats: int) -> list[Row]:
    """Measures the floor, and workers in turns with it.

    Args:
        workers: Whom.
        peers: How many, each on a WebRtcTransport of its own, all on the socket of one WebRtcServer.
        checks: How many are sent in each measurement.
        rate: So many of them a second when they are evenly paced.
        repeats: How many measurements there are of each pattern.

    Returns:
        The rows, that of the floor first.

    Raises:
        RuntimeError: A worker refuses something, or a peer's first check is not answered.
    """
    with ExitStack() as stack:
        echo = stack.enter_context(closing(EchoProcess()))
        crowds = [Crowd("floor", echo.pid, [stack.enter_context(closing(EchoPeer(echo.port))) for _ in range(peers)])]
        for worker in workers:
            client = stack.enter_context(WorkerClient(worker.command, worker.dialect, ["--logLevel=error"]))
            crowds.append(Crowd(worker.name, client.pid, _peers(client, peers, stack)))
        for crowd in crowds:
            crowd.connect()
        time.sleep(_SETTLED_AFTER_S)
        for _ in range(repeats):
            for crowd in crowds:
                crowd.measure(checks, rate)
    return [crowd.row for crowd in crowds]


class Crowd:
    """Peers of a worker or of the floor.

    Attributes:
        row: What was measured with them.
    """

    def __init__(self, name: str, pid: int, peers: Sequence[Peer]) -> None:
        self.row = Row(name, len(peers))
        self._pid = pid
        self._peers = peers

    def connect(self) -> None:
        """The first check of each. Raises ``RuntimeError`` when one is not answered."""
        for index, peer in enumerate(self._peers):
            peer.send(peer.make_check())
            if not peer.wait_for_all(LATE_S):
                raise RuntimeError(f"{self.row.worker}: the first check of peer {index} was not answered")

    def measure(self, count: int, rate: float) -> None:
        """Nobody checks, and then so many checks in each pattern."""
        row = self.row
        cpu_us, took_s = self._cpu_us(lambda: time.sleep(count / rate))
        row.idle_us.append(cpu_us / took_s)
        for pattern in PATTERNS:
            checks = [(peer, peer.make_check()) for peer in islice(cycle(self._peers), count)]
            answered = self._answered()
            cpu_us, took_s = self._cpu_us(lambda pattern=pattern, checks=checks: self._check(pattern, checks, rate))  # type: ignore[misc]
            row.check_us[pattern].append((cpu_us - row.idle_us[-1] * took_s) / count)
            until = time.monotonic() + LATE_S
            for peer in self._peers:
                peer.wait_for_all(max(until - time.monotonic(), 0))
            row.sent += count
            row.answered += self._answered() - answered

    def _check(self, pattern: Pattern, checks: Sequence[tuple[Peer, bytes]], rate: float) -> None:
        if pattern == "in turn":
            for peer, check in checks:
                peer.send(check)
                peer.wait(LATE_S)
            return
        step_s, at_once = (1 / rate, 1) if pattern == "paced" else (_BURST_EVERY_S, len(self._peers))
        begin_s = time.monotonic()
        for index, (peer, check) in enumerate(checks):
            early_s = begin_s + index // at_once * step_s - time.monotonic()
            if early_s > 0:
                time.sleep(early_s)
            peer.send(check)
        checks[-1][0].wait_for_all(LATE_S)  # all come to one socket, so that this one is answered last

    def _answered(self) -> int:
        return sum(peer.answered for peer in self._peers)

    def _cpu_us(self, work: Callable[[], object]) -> tuple[float, float]:
        """CPU that the worker takes meanwhile, and how many seconds it takes."""
        before_ns, began_s = cpu_ns(self._pid), time.monotonic()
        work()
        return (cpu_ns(self._pid) - before_ns) / 1000, time.monotonic() - began_s


def _peers(client: WorkerClient, count: int, stack: ExitStack) -> list[Peer]:
    """So many, each with a transport; they are closed with the stack."""

    def ask(command: Command[Any, Any], internal: dict[str, str], body: Any) -> Any:
        return accepted(command, client.request(command, internal, body)).data

    ask(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="router"))
    server = CreateWebRtcServerRequest(web_rtc_server_id="server", listen_infos=[ListenInfo(protocol="udp", ip=LOCAL)])
    ask(commands.WORKER_CREATE_WEB_RTC_SERVER, {}, server)
    peers = []
    for index in range(count):
        body = CreateWebRtcTransportWithServerRequest(transport_id=f"peer-{index}", web_rtc_server_id="server")
        created = ask(commands.ROUTER_CREATE_WEB_RTC_TRANSPORT_WITH_SERVER, ROUTER, body)
        ice, (candidate, *_) = created["iceParameters"], created["iceCandidates"]
        peer = Peer((candidate["ip"], candidate["port"]), ice["usernameFragment"], ice["password"])
        peers.append(stack.enter_context(closing(peer)))
    return peers
