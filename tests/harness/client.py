"""A worker process and the four pipes to it, driven step by step: one request, wait for its reply.

``WorkerClient`` has the habits of mediasoup's Node API; ``go_client`` those of mediasoup-go.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self

from miso.worker.channel.client_codec import (
    Accepted,
    LogLine,
    Message,
    Notification,
    Refused,
    encode_payload_notification,
    encode_payload_request,
    encode_request,
    parse_message,
)
from miso.worker.channel.codec import Dialect
from miso.worker.channel.commands import Command
from miso.worker.channel.framing import FrameReader, OversizeFrame, frame
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 10.0
_ROUNDS_OF_PATIENCE = 20
_BUSY_NS = 50_000_000


class WorkerGone(Exception):
    """The worker closed its pipes or ended while an answer was awaited."""


class End(Protocol):
    """Our end of a descriptor of the worker's: a socket, or what looks like one."""

    def sendall(self, data: bytes, /) -> None: ...

    def recv(self, size: int, /) -> bytes: ...

    def settimeout(self, timeout_s: float, /) -> None: ...

    def close(self) -> None: ...


class WorkerClient:
    """Spawns a worker, and speaks one dialect with it.

    Attributes:
        patience_s: How long it waits for ``running``, and for each answer.
        pid: Of the spawned process.
        running: The first event.
        events: What came and was not asked for, in order; ``payload_events`` with their payloads.
        logs: Log lines.
    """

    patience_s: ClassVar[tuple[float, float]] = (TIMEOUT_S, TIMEOUT_S)

    def __init__(
        self,
        worker_bin: Sequence[str],
        dialect: Dialect = Dialect.V3_10,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> None:
        self.dialect = dialect
        self.events: list[Notification] = []
        self.payload_events: list[tuple[Notification, bytes]] = []
        self.logs: list[LogLine] = []
        self._next_id = 0
        self._frames = FrameReader()
        self._payload_frames = FrameReader()
        self._queue: list[Message] = []
        self._payload_queue: list[bytes] = []
        self._expects_payload: Notification | None = None
        self.channel_out, their_3 = self._outgoing()
        self.channel_in, their_4 = self._incoming()
        self.payload_out, their_5 = self._outgoing()
        self.payload_in, their_6 = self._incoming()
        # far from 3 to 6, so that dup2 in the child does not overwrite one that is still to be duplicated
        theirs = [fcntl.fcntl(their, fcntl.F_DUPFD_CLOEXEC, 64) for their in (their_3, their_4, their_5, their_6)]

        def in_child() -> None:
            for target, fd in enumerate(theirs, 3):
                os.dup2(fd, target)

        self.process = subprocess.Popen(
            [*worker_bin, *arguments],
            env=self._environment() if environment is None else dict(environment),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            close_fds=False,
            preexec_fn=in_child,
        )
        for fd in (their_3, their_4, their_5, their_6, *theirs):
            os.close(fd)
        self.pid = self.process.pid
        for_running, for_answers = self.patience_s
        self.channel_in.settimeout(for_running)
        self.payload_in.settimeout(for_answers)
        if wait:
            self.wait_until_running()

    def wait_until_running(self) -> None:
        """Waits for the first event."""
        self.running = self.wait_for_event("running")
        self.channel_in.settimeout(self.patience_s[1])

    @staticmethod
    def _outgoing() -> tuple[End, int]:
        """Our end of what the worker reads, and the descriptor for the worker."""
        ours, theirs = socket.socketpair()
        return ours, theirs.detach()

    @staticmethod
    def _incoming() -> tuple[End, int]:
        """Our end of what the worker writes, and the descriptor for the worker."""
        ours, theirs = socket.socketpair()
        return ours, theirs.detach()

    @staticmethod
    def _environment() -> dict[str, str]:
        return {**os.environ, "MEDIASOUP_VERSION": "3.12.16"}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Kills the process if it still runs, and closes the pipes."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)
        assert self.process.stderr is not None
        self.process.stderr.close()
        for sock in (self.channel_out, self.channel_in, self.payload_out, self.payload_in):
            sock.close()

    def wait_for_exit(self) -> int:
        """The exit code."""
        return self.process.wait(PATIENCE_S)

    def stderr(self) -> str:
        """What the worker wrote there, once it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read().decode(errors="replace")

    # ------------------------------------------------------------ asking

    def next_id(self) -> int:
        self._next_id += 1
        return self._next_id

    def request(self, command: Command[Any, Any], internal: Mapping[str, str], body: Any = None) -> Accepted | Refused:
        """Sends a command with a typed body; returns its reply."""
        return self.reply_to(self.send_request(command, internal, body))

    def send_request(self, command: Command[Any, Any], internal: Mapping[str, str], body: Any = None) -> int:
        """Sends a command with a typed body, and gives its id."""
        request_id = self.next_id()
        self.send(self._encode_request(request_id, command, internal, body))
        return request_id

    def payload_request(
        self, command: Command[Any, Any], internal: Mapping[str, str], body: Any, payload: bytes
    ) -> Accepted | Refused:
        """Sends a request of the payload channel; returns its reply."""
        request_id = self.next_id()
        self._send_payload(self._encode_payload_request(request_id, command, internal, body), payload)
        while True:
            message = parse_message(self._next_payload_frame())
            if isinstance(message, Accepted | Refused) and message.id == request_id:
                return message
            assert isinstance(message, Notification)
            self.payload_events.append((message, self._next_payload_frame()))

    def payload_notify(
        self, command: Command[Any, Any], internal: Mapping[str, str], body: Any, payload: bytes
    ) -> None:
        """Sends a notification of the payload channel."""
        self._send_payload(self._encode_payload_notification(command, internal, body), payload)

    def send(self, body: bytes) -> None:
        """Sends one frame."""
        self.channel_out.sendall(frame(body))

    def _send_payload(self, header: bytes, payload: bytes) -> None:
        self.payload_out.sendall(frame(header) + frame(payload))

    def _encode_request(
        self, request_id: int, command: Command[Any, Any], internal: Mapping[str, str], body: Any
    ) -> bytes:
        return encode_request(request_id, command, internal, body, self.dialect)

    def _encode_payload_request(
        self, request_id: int, command: Command[Any, Any], internal: Mapping[str, str], body: Any
    ) -> bytes:
        return encode_payload_request(request_id, command, internal, body, self.dialect)

    def _encode_payload_notification(self, command: Command[Any, Any], internal: Mapping[str, str], body: Any) -> bytes:
        return encode_payload_notification(command, internal, body, self.dialect)

    # ------------------------------------------------------------ listening

    def reply_to(self, request_id: int) -> Accepted | Refused:
        """Waits for the reply; events and log lines before it are kept."""
        while True:
            message = self.next_message()
            if isinstance(message, Accepted | Refused):
                assert message.id == request_id, f"reply to {message.id}, expected {request_id}"
                return message

    def wait_for_event(self, name: str, target_id: str | None = None) -> Notification:
        """Takes the first such event, waiting for it if need be."""
        for event in self.events:
            if event.event == name and target_id in (None, event.target_id):
                self.events.remove(event)
                return event
        while True:
            message = self.next_message()
            if isinstance(message, Notification) and message.event == name and target_id in (None, message.target_id):
                self.events.remove(message)
                return message

    def wait_for_log(self, part: str) -> LogLine:
        """Waits for a log line that contains the text."""
        seen = 0
        while True:
            for line in self.logs[seen:]:
                if part in line.text:
                    return line
            seen = len(self.logs)
            self.next_message()

    def wait_for_payload_event(self, name: str) -> tuple[Notification, bytes]:
        """Takes the first such event of the payload channel, waiting for it if need be."""
        for index, (event, _) in enumerate(self.payload_events):
            if event.event == name:
                return self.payload_events.pop(index)
        message = parse_message(self._next_payload_frame())
        assert isinstance(message, Notification)
        assert message.event == name
        return message, self._next_payload_frame()

    def next_message(self) -> Message:
        """Waits for the next message on the channel, of whatever kind."""
        while not self._queue:
            data = self._receive(self.channel_in)
            for body in self._frames.feed(data):
                assert not isinstance(body, OversizeFrame)
                self._queue.append(parse_message(body))
        message = self._queue.pop(0)
        if isinstance(message, Notification):
            self.events.append(message)
        elif isinstance(message, LogLine):
            self.logs.append(message)
        return message

    def _receive(self, end: End) -> bytes:
        """What came; patience does not count the time in which others had the CPU that the worker waited for."""
        for _ in range(_ROUNDS_OF_PATIENCE):
            waited_ns = _waited_for_cpu_ns(self.pid)
            try:
                data = end.recv(262_144)
            except TimeoutError:
                if _waited_for_cpu_ns(self.pid) - waited_ns < _BUSY_NS:
                    break
            except ConnectionError as error:
                raise WorkerGone(str(error)) from error
            else:
                if not data:
                    raise WorkerGone("the worker closed its pipe")
                return data
        raise WorkerGone("nothing came as long as there was patience")

    def _next_payload_frame(self) -> bytes:
        while not self._payload_queue:
            for body in self._payload_frames.feed(self._receive(self.payload_in)):
                assert not isinstance(body, OversizeFrame)
                self._payload_queue.append(body)
        return self._payload_queue.pop(0)


def _waited_for_cpu_ns(pid: int) -> int:
    """How long a process was ready to run and others ran, so far (proc(5), ``schedstat``); 0 where it is not said."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
    except (OSError, IndexError):
        return 0


def resident_kb(pid: int) -> int:
    """Resident memory of a process in kB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(f"no VmRSS of {pid}")
