"""A bad network for browsers: a UDP relay before a worker's port, with the seeded paths of the scenario tests.

The worker listens on 127.0.0.1 and announces 127.0.0.2, where the relay listens on the same port. Each client's
datagrams go on to the worker from a socket of its own, so that the worker tells the clients apart.
"""

from __future__ import annotations

import itertools
import select
import socket
import threading
import time
from dataclasses import dataclass

from tests.scenarios.network import Path

WORKER_IP, RELAY_IP = "127.0.0.1", "127.0.0.2"
Address = tuple[str, int]


@dataclass(frozen=True)
class Conditions:
    """Of both directions of a client's network; see ``tests.scenarios.network.Path``."""

    loss: float = 0.0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    down_bps: int | None = None
    queue_ms: float = 200.0

    def apply(self, up: Path, down: Path) -> None:
        """Changes the paths from now on."""
        for path in (up, down):
            path.loss, path.delay_ms, path.jitter_ms, path.queue_ms = (
                self.loss,
                self.delay_ms,
                self.jitter_ms,
                self.queue_ms,
            )
        down.rate_bps = self.down_bps


class _Client:
    """One address that speaks to the relay: a transport of a page."""

    def __init__(self, address: Address, port: int, seeds: itertools.count[int], conditions: Conditions) -> None:
        self.address = address
        self.up, self.down = Path(seed=next(seeds)), Path(seed=next(seeds))
        conditions.apply(self.up, self.down)
        self.upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.upstream.connect((WORKER_IP, port))
        self.upstream.setblocking(False)


class Relay:
    """Runs in a thread of its own from ``start`` to ``close``."""

    def __init__(self, port: int, seed: int = 1) -> None:
        """Binds the relay's address to the worker's ``port``."""
        self._port = port
        self._seeds = itertools.count(seed * 1000)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((RELAY_IP, port))
        self._socket.setblocking(False)
        self._clients: dict[Address, _Client] = {}
        self._conditions = Conditions()
        self._lock = threading.Lock()
        self._running = True
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def start(self) -> None:
        """Begins to pass datagrams on."""
        self._thread.start()

    def newcomers(self, conditions: Conditions) -> None:
        """Clients that appear from now on have this network."""
        with self._lock:
            self._conditions = conditions

    def clients(self) -> set[Address]:
        """All that have spoken so far."""
        with self._lock:
            return set(self._clients)

    def change(self, clients: set[Address], conditions: Conditions) -> None:
        """Gives these clients another network."""
        with self._lock:
            for address in clients:
                client = self._clients[address]
                conditions.apply(client.up, client.down)

    def counts(self, clients: set[Address]) -> tuple[int, int]:
        """(datagrams sent, datagrams lost or overflowed) of these clients, both directions."""
        with self._lock:
            paths = [path for address in clients for path in (self._clients[address].up, self._clients[address].down)]
            return sum(path.sent for path in paths), sum(path.lost + path.overflowed for path in paths)

    def close(self) -> None:
        """Ends the thread and gives the ports back."""
        self._running = False
        self._thread.join()
        self._socket.close()
        for client in self._clients.values():
            client.upstream.close()

    # ------------------------------------------------------------ the thread

    def _run(self) -> None:
        while self._running:
            with self._lock:
                readers = [self._socket, *(client.upstream for client in self._clients.values())]
                waits_s = self._wait_s()
            select.select(readers, [], [], waits_s)
            now_us = time.monotonic_ns() // 1000
            with self._lock:
                self._read_clients(now_us)
                for client in self._clients.values():
                    self._read_worker(client, now_us)
                    for data in client.up.take_due(now_us):
                        _send(client.upstream, data)
                    for data in client.down.take_due(now_us):
                        _send(self._socket, data, client.address)

    def _wait_s(self) -> float:
        dues = [path.next_due_us for client in self._clients.values() for path in (client.up, client.down)]
        due_us = min((due for due in dues if due is not None), default=None)
        if due_us is None:
            return 0.05
        return min(max(due_us - time.monotonic_ns() // 1000, 0) / 1e6, 0.05)

    def _read_clients(self, now_us: int) -> None:
        while True:
            try:
                data, address = self._socket.recvfrom(2048)
            except BlockingIOError:
                return
            except ConnectionError:  # a client is gone; the next datagram may be of another
                continue
            if address not in self._clients:
                self._clients[address] = _Client(address, self._port, self._seeds, self._conditions)
            self._clients[address].up.send(data, now_us)

    def _read_worker(self, client: _Client, now_us: int) -> None:
        while True:
            try:
                client.down.send(client.upstream.recv(2048), now_us)
            except BlockingIOError:
                return
            except ConnectionError:  # the worker's port is closed
                return


def _send(sock: socket.socket, data: bytes, address: Address | None = None) -> None:
    try:
        if address is None:
            sock.send(data)
        else:
            sock.sendto(data, address)
    except (BlockingIOError, ConnectionError):  # a full buffer, a port that is gone: a network loses such datagrams
        pass
