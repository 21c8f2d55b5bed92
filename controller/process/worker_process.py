"""A media worker's process: how it is started, what it prints, how it ends.

The worker finds its channel on descriptors 3 (requests in) and 4 (answers and events out), its payload channel on 5 and
6. End of file on 3 or 5 ends a worker, so no worker outlives its controller, provided that nobody else holds the
controller's ends: they are close-on-exec, and so are the worker's ends until the moment they are placed at 3 to 6.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import BinaryIO, NamedTuple

_logger = logging.getLogger(__name__)

_LAST_PLACED_FD = 6

_MAX_LINE_BYTES = 65536
_KILL_AFTER_S = 3.0


class ExitStatus(NamedTuple):
    """How a process ended: one of both is None (or both, when somebody else reaped it)."""

    code: int | None
    signal: str | None


class ChannelSockets(NamedTuple):
    """The controller's ends of the worker's descriptors 3, 4, 5 and 6."""

    requests: socket.socket
    answers: socket.socket
    payload_out: socket.socket
    payload_in: socket.socket


class WorkerProcess:
    """A running worker process.

    Attributes:
        pid: The process id.
        sockets: The controller's ends of the channel and payload channel; whoever takes them closes them.
    """

    def __init__(
        self,
        pid: int,
        sockets: ChannelSockets,
        outputs: Sequence[BinaryIO],
        on_exit: Callable[[ExitStatus], None],
    ) -> None:
        self.pid = pid
        self.sockets = sockets
        self._outputs = outputs
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        self._status: ExitStatus | None = None
        self._exited: asyncio.Future[None] = self._loop.create_future()
        self._logs: list[tuple[asyncio.ReadTransport, _LogReader]] = []
        self._kill_timer: asyncio.TimerHandle | None = None
        self._pidfd = os.pidfd_open(pid)
        self._loop.add_reader(self._pidfd, self._reap)

    @classmethod
    def start(
        cls, command: Sequence[str], environment: Mapping[str, str], on_exit: Callable[[ExitStatus], None]
    ) -> WorkerProcess:
        """Starts a worker.

        Args:
            command: The program (looked up in PATH) and its arguments.
            environment: The whole environment of the worker.
            on_exit: Called once, when the process has ended.

        Raises:
            OSError: The program cannot be executed.
        """
        with contextlib.ExitStack() as child_ends, contextlib.ExitStack() as own_ends:
            placed: list[tuple[int, int]] = []
            sockets = []
            for target in (3, 4, 5, 6):
                own, child = socket.socketpair()
                own_ends.callback(own.close)
                own.setblocking(False)
                sockets.append(own)
                placed.append((_lift(child.detach(), child_ends), target))
            outputs: list[BinaryIO] = []
            for target in (1, 2):
                read_end, write_end = os.pipe()
                outputs.append(own_ends.enter_context(open(read_end, "rb")))
                placed.append((_lift(write_end, child_ends), target))
            pid = os.posix_spawnp(
                command[0],
                list(command),
                dict(environment),
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    *((os.POSIX_SPAWN_DUP2, source, target) for source, target in placed),
                    *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inheritable_descriptors()),
                ],
                # Its own process group: Ctrl-C in a terminal is for the controller, which then closes its workers.
                setpgroup=0,
                setsigmask=(),
                # Python ignores these two; an ignored signal would stay ignored in the worker.
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
            )
            own_ends.pop_all()
        return cls(pid, ChannelSockets(*sockets), outputs, on_exit)

    async def log_output(self) -> None:
        """Logs what the process prints on standard output (debug) and standard error (error) from now on."""
        for output, level in zip(self._outputs, (logging.DEBUG, logging.ERROR), strict=True):
            log = await self._loop.connect_read_pipe(partial(_LogReader, self.pid, level), output)
            self._logs.append(log)

    def terminate(self) -> None:
        """Sends SIGTERM, and SIGKILL to a process that does not follow within some seconds."""
        if self._status is not None or self._kill_timer is not None:
            return
        self._send(signal.SIGTERM)
        self._kill_timer = self._loop.call_later(_KILL_AFTER_S, self.kill)

    def kill(self) -> None:
        """Sends SIGKILL."""
        if self._status is None:
            self._send(signal.SIGKILL)

    async def wait(self) -> None:
        """Waits until the process has ended and what it printed is logged."""
        await asyncio.shield(self._exited)
        for transport, reader in self._logs:
            with contextlib.suppress(TimeoutError):
                # A child of the worker may have inherited the pipe and keep it open.
                await asyncio.wait_for(asyncio.shield(reader.ended), 1)
            transport.close()

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    def _reap(self) -> None:
        self._loop.remove_reader(self._pidfd)
        try:
            result = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED)
        except ChildProcessError:
            result = None
        os.close(self._pidfd)
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        if result is None:
            self._status = ExitStatus(None, None)
        elif result.si_code == os.CLD_EXITED:
            self._status = ExitStatus(result.si_status, None)
        else:
            self._status = ExitStatus(None, signal.Signals(result.si_status).name)
        self._exited.set_result(None)
        self._on_exit(self._status)


class _LogReader(asyncio.Protocol):
    """Logs what a worker, or a library in it, prints on its standard output or error, line by line."""

    def __init__(self, pid: int, level: int) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pid = pid
        self._level = level
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._log(line)
        if len(self._rest) > _MAX_LINE_BYTES:
            self._log(self._rest)
            self._rest = b""

    def connection_lost(self, exc: Exception | None) -> None:
        self._log(self._rest)
        self._rest = b""
        self.ended.set_result(None)

    def _log(self, line: bytes) -> None:
        if line:
            stream = "stdout" if self._level == logging.DEBUG else "stderr"
            _logger.log(self._level, "worker=%d %s: %s", self._pid, stream, line.decode(errors="replace"))


def _inheritable_descriptors() -> list[int]:
    """Those that the worker would get beside its own: somebody's listening socket would never be free again."""
    inheritable = []
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        with contextlib.suppress(OSError):  # the directory's own is closed by now
            if descriptor > _LAST_PLACED_FD and os.get_inheritable(descriptor):
                inheritable.append(descriptor)
    return inheritable


def _lift(descriptor: int, stack: contextlib.ExitStack) -> int:
    """Moves a descriptor above those that are placed in the worker: placing one must not overwrite another's source.

    The result is close-on-exec and is closed with the stack.
    """
    lifted = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _LAST_PLACED_FD + 1)
    stack.callback(os.close, lifted)
    os.close(descriptor)
    return lifted
