"""UDP and TCP sockets: bound to a given port or to a free one of the worker's range, watched by the event loop.

All UDP sockets together are one descriptor to the loop (``miso.worker.net.poller``).
"""

from __future__ import annotations

import asyncio
import errno
import logging
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Protocol

from miso.worker.errors import BodyError, CommandError
from miso.worker.faults import attempt
from miso.worker.net.poller import Poller
from miso.worker.net.wake_up import WakeUp

logger = logging.getLogger(__name__)

_SOCKET_BUFFER_BYTES = 4 * 1024 * 1024  # a burst of 30,000 packets/s for 100 ms; the kernel may give less
_BACKLOG = 256
_ACCEPTS_PER_WAKE_UP = 16
_ACCEPT_PAUSE_S = 0.1  # when there is no descriptor or memory left for another connection
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_TELL_EVERY_S = 1.0
_FAILURES_IN_A_ROW = 16  # of a socket's callback, before it gets a pause
_FAILURE_PAUSE_S = 0.1
_SO_RCVBUFFORCE, _SO_SNDBUFFORCE = 33, 32  # Linux, needs CAP_NET_ADMIN

Address = tuple[str, int]
OnConnection = Callable[["LoopSocket", Address], Callable[[], None]]


class Readers(Protocol):
    """Who tells that a descriptor is readable: the event loop, or a ``Poller`` in it."""

    def add_reader(self, fd: int, callback: Callable[[], object]) -> object:
        """Calls back while it is."""

    def remove_reader(self, fd: int) -> bool:
        """Does not any more."""


class LoopSocket:
    """Implements ``miso.worker.rtc.context.BoundSocket``.

    Attributes:
        id: The bound address, for log lines.
        fileno: The descriptor.
        local_address: The bound IP and port.
        closed: Whether ``close`` was called.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, readers: Readers, sock: socket.socket, on_close: Callable[[], None]
    ) -> None:
        """Takes over a non-blocking socket; ``on_close`` is called once, after the descriptor is closed."""
        self._loop = loop
        self._readers = readers
        self._socket = sock
        self._on_close = on_close
        self.fileno = sock.fileno()
        ip, port = sock.getsockname()[:2]
        self.local_address: Address = (ip.partition("%")[0], port)
        self.id = f"{self.local_address[0]}:{port}"
        self.closed = False
        self._reading = False  # whether the loop watches it, likewise below
        self._writing = False

    def watch_readable(self, callback: Callable[[], None] | None, failures: int = 0) -> None:
        """Calls back while there is something to read; None stops. ``failures``: so often in a row it has failed."""
        if self.closed:
            return
        if callback is not None:
            self._readers.add_reader(self.fileno, self._wake_up(self.watch_readable, callback, failures).run)
        elif self._reading:
            self._readers.remove_reader(self.fileno)
        self._reading = callback is not None

    def watch_writable(self, callback: Callable[[], None] | None, failures: int = 0) -> None:
        """Calls back while the descriptor can be written to; None stops. ``failures`` as above."""
        if self.closed:
            return
        if callback is not None:
            self._loop.add_writer(self.fileno, self._wake_up(self.watch_writable, callback, failures).run)
        elif self._writing:
            self._loop.remove_writer(self.fileno)
        self._writing = callback is not None

    def _wake_up(self, watch: Callable[..., None], callback: Callable[[], None], failures: int) -> WakeUp:
        """A fault costs one wake-up. The descriptor stays ready: who always fails is not called again at once."""

        def on_failure(wake_up: WakeUp) -> None:
            if wake_up.failures >= _FAILURES_IN_A_ROW:
                watch(None)
                self._loop.call_later(_FAILURE_PAUSE_S, watch, callback, wake_up.failures)

        return WakeUp(self, callback, on_failure, failures)

    def close(self) -> None:
        """Stops watching, closes the descriptor and gives its port back; idempotent."""
        if self.closed:
            return
        self.watch_readable(None)
        self.watch_writable(None)
        self.closed = True
        self._socket.close()
        self._on_close()


class LoopSockets:
    """Implements ``miso.worker.rtc.context.Sockets``."""

    def __init__(self, loop: asyncio.AbstractEventLoop, min_port: int, max_port: int) -> None:
        """Sockets without a given port get a free one of ``min_port`` to ``max_port``, beginning at a random place."""
        self._loop = loop
        self._poller = Poller(loop)
        self._min_port = max(min_port, 1)  # port 0 means any
        self._max_port = max_port
        self._used: set[tuple[str, str, int]] = set()  # protocol, IP and port of what is bound
        self._failed_accepts = 0
        self._failed_accepts_told_s = -_TELL_EVERY_S  # by the loop's clock

    def open_udp(self, ip: str, port: int | None) -> LoopSocket:
        """Binds a UDP socket. Raises ``CommandError`` and ``BodyError`` as ``Sockets`` says."""
        return self._bind("udp", ip, port)

    def listen_tcp(self, ip: str, port: int | None, on_connection: OnConnection) -> LoopSocket:
        """Listens. Raises ``CommandError`` and ``BodyError`` as ``Sockets`` says."""
        bound = self._bind("tcp", ip, port)
        bound.watch_readable(lambda: self._accept(bound, on_connection))
        return bound

    # ------------------------------------------------------------ TCP connections

    def _accept(self, listener: LoopSocket, on_connection: OnConnection) -> None:
        for _ in range(_ACCEPTS_PER_WAKE_UP):
            if listener.closed:
                return
            try:
                sock, address = listener._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    continue  # the connection has ended already, or the network has (accept(2))
                # The connection stays in the queue and the listener readable.
                self._tell_that_accept_failed(error)
                listener.watch_readable(None)
                self._loop.call_later(
                    _ACCEPT_PAUSE_S, listener.watch_readable, lambda: self._accept(listener, on_connection)
                )
                return
            if not attempt(listener, self._take, sock, address, on_connection):
                sock.close()

    def _take(self, sock: socket.socket, address: Address, on_connection: OnConnection) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = LoopSocket(self._loop, self._loop, sock, lambda: None)
        on_readable = on_connection(connection, (address[0].partition("%")[0], address[1]))
        connection.watch_readable(on_readable)

    def _tell_that_accept_failed(self, error: OSError) -> None:
        self._failed_accepts += 1
        if self._loop.time() - self._failed_accepts_told_s >= _TELL_EVERY_S:
            self._failed_accepts_told_s = self._loop.time()
            logger.error("accept failed %d times, last: %s", self._failed_accepts, error.strerror)

    # ------------------------------------------------------------ binding

    def _bind(self, protocol: str, ip: str, port: int | None) -> LoopSocket:
        family, address, scope_id = _parse_ip(ip)
        for candidate in [port] if port else self._free_ports(protocol, address):
            sock = _new_socket(family, protocol)
            target = (address, candidate) if family == socket.AF_INET else (address, candidate, 0, scope_id)
            try:
                sock.bind(target)
                if protocol == "tcp":
                    sock.listen(_BACKLOG)
            except OSError as error:
                sock.close()
                if error.errno == errno.EADDRINUSE and not port:
                    continue
                raise _bind_error(protocol, ip, candidate, error) from error
            key = (protocol, address, candidate)
            self._used.add(key)
            readers = self._poller if protocol == "udp" else self._loop
            return LoopSocket(self._loop, readers, sock, partial(self._used.discard, key))
        raise CommandError(f"no more available ports [transport:{protocol}, ip:'{ip}']")

    def _free_ports(self, protocol: str, address: str) -> Iterator[int]:
        count = self._max_port - self._min_port + 1
        if count < 1:
            return
        start = random.randrange(count)
        for step in range(count):
            port = self._min_port + (start + step) % count
            if (protocol, address, port) not in self._used:
                yield port


def _parse_ip(text: str) -> tuple[socket.AddressFamily, str, int]:
    """Family, normalized text and scope id."""
    address, percent, scope = text.partition("%")
    for family in (socket.AF_INET, socket.AF_INET6):
        if percent and family == socket.AF_INET:
            continue
        with suppress(OSError, ValueError):
            normal = socket.inet_ntop(family, socket.inet_pton(family, address))
            if not percent:
                return family, normal, 0
            return family, normal, int(scope) if scope.isdigit() else socket.if_nametoindex(scope)
    raise BodyError(f"invalid IP '{text}'")


def _new_socket(family: socket.AddressFamily, protocol: str) -> socket.socket:
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    try:
        sock = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    except OSError as error:
        raise CommandError(f"no socket: {error.strerror}") from error
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if protocol == "tcp":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return sock
    for forced, ordinary in ((_SO_RCVBUFFORCE, socket.SO_RCVBUF), (_SO_SNDBUFFORCE, socket.SO_SNDBUF)):
        try:
            sock.setsockopt(socket.SOL_SOCKET, forced, _SOCKET_BUFFER_BYTES)
        except OSError:  # not root, or not Linux
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, ordinary, _SOCKET_BUFFER_BYTES)
    return sock


def _bind_error(protocol: str, ip: str, port: int, error: OSError) -> CommandError:
    what = {
        errno.EADDRINUSE: "address in use",
        errno.EADDRNOTAVAIL: "address not available",
        errno.EACCES: "permission denied",
    }.get(error.errno or 0, error.strerror)
    return CommandError(f"port bind failed due to {what} [transport:{protocol}, ip:'{ip}', port:{port}]")
