"""A worker's surroundings: loopback sockets, a clock that moves when told, and what the controller would hear."""

from __future__ import annotations

import functools
import heapq
import itertools
import secrets
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from miso.worker.channel.bodies.base import Body
from miso.worker.dataplane import Plane
from miso.worker.dtls.certificate import Certificate
from miso.worker.errors import CommandError
from miso.worker.net.loop_delay import NEVER_US
from miso.worker.registry import Registry
from miso.worker.rtc.context import Context
from miso.worker.rtc.rounds import ProbeRounds, WorkerRounds
from miso.worker.rtc.router_tables import RouterTables
from tests.patience import PATIENCE_S

Address = tuple[str, int]
START_US = 1_000_000_000
START_NTP = 0xE000_0000_0000_0000


@dataclass(order=True)
class FakeTimer:
    due_us: int
    order: int
    callback: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.cancelled = True


class FakeClock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self._now_us = START_US
        self._stood_until_us = NEVER_US
        self._timers: list[FakeTimer] = []
        self._order = itertools.count()
        self._soon: deque[Callable[[], None]] = deque()
        self._rounds: list[WorkerRounds] = []

    def rounds(self, plane: Plane) -> WorkerRounds:
        """Rounds that this clock's ticks drive: there is one whenever a turn is due."""
        self._rounds.append(WorkerRounds(self, plane))
        return self._rounds[-1]

    def now_us(self) -> int:
        return self._now_us

    def stood_until_us(self) -> int:
        return self._stood_until_us

    def ntp_now(self) -> int:
        return START_NTP + ((self._now_us - START_US) << 32) // 1_000_000

    def call_later(self, delay_us: int, callback: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(self._now_us + delay_us, next(self._order), callback)
        heapq.heappush(self._timers, timer)
        return timer

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._soon.append(callback)

    def settle(self) -> None:
        """What was to be done soon is done."""
        while self._soon:
            self._soon.popleft()()

    def advance(self, milliseconds: float) -> None:
        self.settle()
        end_us = self._now_us + int(milliseconds * 1000)
        while (due_us := self._next_us()) is not None and due_us <= end_us:
            if self._timers and self._timers[0].due_us == due_us:
                timer = heapq.heappop(self._timers)
                if not timer.cancelled:
                    self._now_us = max(self._now_us, due_us)
                    timer.callback()
            else:
                self._now_us = max(self._now_us, due_us)
                self.tick()
            self.settle()
        self._now_us = end_us

    def stand_still(self, milliseconds: float) -> None:
        """Time passes, and this worker does nothing meanwhile; the next ``advance`` rings what came due."""
        self._now_us += int(milliseconds * 1000)
        if milliseconds > 1000:
            self._stood_until_us = self._now_us

    def tick(self) -> None:
        """Turns that are due come now."""
        for rounds in self._rounds:
            rounds.go_on()

    def _next_us(self) -> int | None:
        turns = [rounds.turns.next_us for rounds in self._rounds if rounds.turns.next_us >= 0]
        return min(turns + [timer.due_us for timer in self._timers[:1]], default=None)

    @property
    def waiting(self) -> int:
        """Timers, and rounds with turns, that would wake the worker."""
        rounds = sum(rounds.turns.next_us >= 0 for rounds in self._rounds)
        return rounds + sum(not timer.cancelled for timer in self._timers)


class Recorder:
    """The pipes to the controller: what was said on them."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, Any]] = []
        self.payloads: list[tuple[str, str, bytes]] = []
        self.payload_bodies: list[Any] = []

    def notify(self, target_id: str, event: str, body: object | None = None) -> None:
        self.events.append((target_id, event, body))

    def notify_with_payload(self, target_id: str, event: str, body: object | None, payload: bytes) -> None:
        self.payloads.append((target_id, event, payload))
        self.payload_bodies.append(msgspec.to_builtins(body))

    def take(self, target_id: str, event: str) -> list[Any]:
        """The bodies of an object's events of this name; they are gone afterwards."""
        bodies = [
            msgspec.to_builtins(body) for target, name, body in self.events if (target, name) == (target_id, event)
        ]
        self.events = [entry for entry in self.events if entry[:2] != (target_id, event)]
        return bodies

    def of(self, target_id: str) -> list[tuple[str, Any]]:
        """Names and bodies of an object's events."""
        return [(event, body) for target, event, body in self.events if target == target_id]

    def names(self, target_id: str) -> list[str]:
        """The names of an object's events."""
        return [event for event, _ in self.of(target_id)]


class PolledSocket:
    def __init__(self, sockets: PolledSockets, sock: socket.socket) -> None:
        self._sockets = sockets
        self.socket = sock
        self.closed = False
        self.readable: Callable[[], None] | None = None
        self.writable: Callable[[], None] | None = None

    @property
    def fileno(self) -> int:
        return self.socket.fileno()

    @property
    def local_address(self) -> Address:
        address = self.socket.getsockname()
        return (address[0], address[1])

    def watch_readable(self, callback: Callable[[], None] | None) -> None:
        self.readable = callback

    def watch_writable(self, callback: Callable[[], None] | None) -> None:
        self.writable = callback

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self.readable = self.writable = None
        self._sockets.all.remove(self)
        self.socket.close()


class PolledSockets:
    """Non-blocking loopback sockets, polled by ``pump``."""

    kind: type[PolledSocket] = PolledSocket

    def __init__(self) -> None:
        self.all: list[PolledSocket] = []

    def open_udp(self, ip: str, port: int | None) -> PolledSocket:
        return self._add(socket.SOCK_DGRAM, ip, port)

    def listen_tcp(
        self, ip: str, port: int | None, on_connection: Callable[[PolledSocket, Address], Callable[[], None]]
    ) -> PolledSocket:
        bound = self._add(socket.SOCK_STREAM, ip, port)
        bound.socket.listen()

        def accept() -> None:
            sock, address = bound.socket.accept()
            sock.setblocking(False)
            connection = PolledSocket(self, sock)
            self.all.append(connection)
            connection.readable = on_connection(connection, address[:2])

        bound.readable = accept
        return bound

    def _add(self, kind: int, ip: str, port: int | None) -> PolledSocket:
        sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, kind)
        sock.setblocking(False)
        if kind == socket.SOCK_DGRAM:
            enlarge_buffers(sock)
        try:
            sock.bind((ip, port or 0))
        except OSError as error:
            sock.close()
            raise CommandError(f"port bind failed: {error}") from error
        bound = self.kind(self, sock)
        self.all.append(bound)
        return bound

    def pump(self) -> None:
        """Has everything read that waits."""
        while self.poll(0):
            pass

    def poll(self, timeout_s: float) -> bool:
        """Calls back whatever is ready; False when nothing was."""
        with selectors.DefaultSelector() as selector:
            for bound in self.all:
                wanted = selectors.EVENT_READ if bound.readable else 0
                wanted |= selectors.EVENT_WRITE if bound.writable else 0
                if wanted:
                    selector.register(bound.socket, wanted, bound)
            ready = selector.select(timeout_s)
        for key, events in ready:
            bound = key.data
            if events & selectors.EVENT_READ and bound.readable and not bound.closed:
                bound.readable()
            if events & selectors.EVENT_WRITE and bound.writable and not bound.closed:
                bound.writable()
        return bool(ready)


@functools.cache
def worker_certificate() -> Certificate:
    return Certificate()


class World:
    """A context, and tables of one router."""

    def __init__(self, clock: FakeClock | None = None, sockets: PolledSockets | None = None) -> None:
        self.clock = clock or FakeClock()
        self.sockets = sockets or PolledSockets()
        self.notifier = Recorder()
        self.registry = Registry(None)
        plane = Plane()
        self.context = Context(
            notifier=self.notifier,
            scheduler=self.clock,
            rounds=self.clock.rounds(plane),
            probe_rounds=ProbeRounds(self.clock, plane),
            sockets=self.sockets,
            registry=self.registry,
            plane=plane,
            certificate=worker_certificate(),
            random=secrets.token_bytes,
        )
        self.tables = RouterTables("router")

    @property
    def ids(self) -> list[str]:
        """The objects that commands can reach."""
        return self.registry.describe().channel_request_handlers

    def check_that_nothing_is_left(self) -> None:
        """After a close: no object that commands could reach, no timer, no socket."""
        assert self.ids == []
        assert self.clock.waiting == 0
        assert self.sockets.all == []

    def pump(self, until: Callable[[], bool] | None = None) -> None:
        """Works until the condition holds (it must within seconds), or until nothing is to do."""
        if until is None:
            self.clock.settle()
            while self.sockets.poll(0.02):
                self.clock.settle()
            return
        deadline = time.monotonic() + PATIENCE_S
        while not until():
            assert time.monotonic() < deadline, "what was waited for did not happen"
            self.sockets.poll(0.02)
            self.clock.settle()


def enlarge_buffers(sock: socket.socket) -> None:
    """Room for bursts, as far as the kernel gives it (the FORCE options, 33 and 32, need to be root)."""
    for forced, ordinary in ((33, socket.SO_RCVBUF), (32, socket.SO_SNDBUF)):
        try:
            sock.setsockopt(socket.SOL_SOCKET, forced, 4 << 20)
        except OSError:
            sock.setsockopt(socket.SOL_SOCKET, ordinary, 4 << 20)


def udp_peer(ip: str = "127.0.0.1") -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((ip, 0))
    sock.settimeout(PATIENCE_S)
    return sock


def hears_strangers(address: Address) -> bool:
    """Whether the socket that is bound there is not connected to somebody else: the kernel refuses datagrams then."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as stranger:
        stranger.connect(address)
        stranger.send(b"\xff")
        try:
            stranger.recv(1)
        except ConnectionRefusedError:
            return False
        except BlockingIOError:
            return True
    raise AssertionError("it answers strangers")


def fields(body: object) -> dict[str, object]:
    """The fields of a body that are not None."""
    assert isinstance(body, Body)
    return {name: getattr(body, name) for name in body.__struct_fields__ if getattr(body, name) is not None}
