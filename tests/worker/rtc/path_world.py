"""A worker's surroundings for tests of transport paths: real loopback sockets, a clock that only moves when told."""

from __future__ import annotations

import functools
import heapq
import itertools
import selectors
import socket
import time
from collections.abc import Callable

from worker.channel.bodies.base import Body
from worker.dataplane.plane import Plane
from worker.dtls import Certificate
from worker.errors import CommandError
from worker.rtc.context import Context
from worker.rtc.router_tables import RouterTables

Address = tuple[str, int]
PATIENCE_S = 5.0


class FakeTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class FakeScheduler:
    def __init__(self) -> None:
        self._now_us = 10**9
        self._timers: list[tuple[int, int, FakeTimer]] = []
        self._order = itertools.count()

    def now_us(self) -> int:
        return self._now_us

    def ntp_now(self) -> int:
        return (self._now_us << 32) // 1_000_000

    def call_later(self, delay_us: int, callback: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(callback)
        heapq.heappush(self._timers, (self._now_us + delay_us, next(self._order), timer))
        return timer

    def advance(self, duration_us: int) -> None:
        """Moves the clock on and calls all timers on the way, each at its time."""
        end_us = self._now_us + duration_us
        while self._timers and self._timers[0][0] <= end_us:
            self._now_us, _, timer = heapq.heappop(self._timers)
            if timer.callback is not None:
                timer.callback()
        self._now_us = end_us

    @property
    def waiting(self) -> int:
        """Timers that are not cancelled."""
        return sum(timer.callback is not None for _, _, timer in self._timers)


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

    def watch_writable(self, callback: Callable[[], None] | None) -> None:
        self.writable = callback

    def close(self) -> None:
        self.closed = True
        self._sockets.all.discard(self)
        self.socket.close()


class PolledSockets:
    """Non-blocking loopback sockets, polled by ``pump``."""

    def __init__(self) -> None:
        self.all: set[PolledSocket] = set()

    def open_udp(self, ip: str, port: int | None, on_readable: Callable[[], None]) -> PolledSocket:
        bound = self._add(socket.SOCK_DGRAM, ip, port)
        bound.readable = on_readable
        return bound

    def listen_tcp(
        self, ip: str, port: int | None, on_connection: Callable[[PolledSocket, Address], Callable[[], None]]
    ) -> PolledSocket:
        bound = self._add(socket.SOCK_STREAM, ip, port)
        bound.socket.listen()

        def accept() -> None:
            sock, address = bound.socket.accept()
            sock.setblocking(False)
            connection = PolledSocket(self, sock)
            self.all.add(connection)
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
        bound = PolledSocket(self, sock)
        self.all.add(bound)
        return bound

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


class RecordingNotifier:
    def __init__(self) -> None:
        self.events: list[tuple[str, str, object]] = []

    def notify(self, target_id: str, event: str, body: object | None = None) -> None:
        self.events.append((target_id, event, body))

    def notify_with_payload(self, target_id: str, event: str, body: object | None, payload: bytes) -> None:
        self.events.append((target_id, event, (body, payload)))

    def of(self, target_id: str) -> list[tuple[str, object]]:
        return [(event, body) for target, event, body in self.events if target == target_id]

    def names(self, target_id: str) -> list[str]:
        return [event for event, _ in self.of(target_id)]


class DictRegistry:
    def __init__(self) -> None:
        self.objects: dict[str, object] = {}

    def add(self, handler: object, object_id: str, parent_id: str | None) -> None:
        if object_id in self.objects:
            raise CommandError(f"{object_id} exists")
        self.objects[object_id] = handler

    def remove(self, object_id: str, parent_id: str | None) -> None:
        self.objects.pop(object_id, None)


@functools.cache
def worker_certificate() -> Certificate:
    return Certificate()


class World:
    """A context, and tables of one router."""

    def __init__(self) -> None:
        self.scheduler = FakeScheduler()
        self.sockets = PolledSockets()
        self.notifier = RecordingNotifier()
        self.registry = DictRegistry()
        self.context = Context(
            notifier=self.notifier,
            scheduler=self.scheduler,
            sockets=self.sockets,
            registry=self.registry,
            plane=Plane(),
            certificate=worker_certificate(),
        )
        self.tables = RouterTables("router")

    def pump(self, until: Callable[[], bool] | None = None) -> None:
        """Works until the condition holds (it must within seconds), or until nothing is to do."""
        if until is None:
            while self.sockets.poll(0.02):
                pass
            return
        deadline = time.monotonic() + PATIENCE_S
        while not until():
            assert time.monotonic() < deadline, "what was waited for did not happen"
            self.sockets.poll(0.02)


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


def fields(body: object) -> dict[str, object]:
    """The fields of a body that are not None."""
    assert isinstance(body, Body)
    return {name: getattr(body, name) for name in body.__struct_fields__ if getattr(body, name) is not None}
