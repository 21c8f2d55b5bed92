"""A controller with the habits of mediasoup-go v1, where they differ from those of mediasoup's Node API.

* Data that there is none of is written as ``null``, in both dialects; of the payload channel as an empty text.
* The handler of the worker's own commands is ``worker``, empty or ``undefined``, by version and taste.
* ``ppid`` is a text in the 3.10 dialect.
* The worker gets pipes instead of socket pairs, and an environment that holds nothing but ``MEDIASOUP_VERSION``.
* A frame's length and body are written one by one.
* It gives up after a second without ``running``, and after three without an answer.
"""

from __future__ import annotations

import os
import select
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
import orjson

from miso.worker.channel.codec import Dialect
from miso.worker.channel.commands import Command
from miso.worker.channel.framing import frame
from tests import sanitizers
from tests.harness.client import TIMEOUT_S, End, WorkerClient

_LENGTH_SIZE = 4
_WORKERS_HANDLERS = ("worker", "", "undefined")


class PipeEnd:
    """One end of a pipe, with the methods of a socket."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._timeout_s: float | None = None
        self._closed = False

    def sendall(self, data: bytes, /) -> None:
        """Writes all of it; blocks as long as the reader does not read."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def recv(self, size: int, /) -> bytes:
        """Reads what is there; raises ``TimeoutError`` when nothing comes in time."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        if not poll.poll(None if self._timeout_s is None else self._timeout_s * 1000):
            raise TimeoutError
        return os.read(self._fd, size)

    def settimeout(self, timeout_s: float, /) -> None:
        """How long ``recv`` waits."""
        self._timeout_s = timeout_s

    def close(self) -> None:
        """Closes it; idempotent."""
        if not self._closed:
            self._closed = True
            os.close(self._fd)


class GoClient(WorkerClient):
    """Drives a worker as mediasoup-go does."""

    # what sanitizers cost is no fault of the worker
    patience_s: ClassVar[tuple[float, float]] = (TIMEOUT_S, TIMEOUT_S) if sanitizers.are_on() else (1.0, 3.0)

    def send(self, body: bytes) -> None:
        """As ``WorkerClient``, in two writes."""
        self._write(self.channel_out, body)

    @staticmethod
    def _outgoing() -> tuple[End, int]:
        theirs, ours = os.pipe()
        return PipeEnd(ours), theirs

    @staticmethod
    def _incoming() -> tuple[End, int]:
        ours, theirs = os.pipe()
        return PipeEnd(ours), theirs

    @staticmethod
    def _environment() -> dict[str, str]:
        return {**(os.environ if sanitizers.are_on() else {}), "MEDIASOUP_VERSION": "0.0.0"}

    @staticmethod
    def _write(end: End, body: bytes) -> None:
        framed = frame(body)
        end.sendall(framed[:_LENGTH_SIZE])
        end.sendall(framed[_LENGTH_SIZE:])

    def _send_payload(self, header: bytes, payload: bytes) -> None:
        self._write(self.payload_out, header)
        self._write(self.payload_out, payload)

    def _encode_request(
        self, request_id: int, command: Command[Any, Any], internal: Mapping[str, str], body: Any
    ) -> bytes:
        data = None if body is None else msgspec.to_builtins(body)
        if self.dialect is Dialect.V3_12:
            handler_id = self._handler_id(request_id, command.target, internal)
            json = orjson.dumps(data).decode()
            return f"{request_id}:{command.alias or command.name}:{handler_id}:{json}".encode()
        ids = {name: data[name] for name in command.ids if data and name in data}
        return orjson.dumps({"id": request_id, "method": command.name, "internal": {**internal, **ids}, "data": data})

    def _encode_payload_request(
        self, request_id: int, command: Command[Any, Any], internal: Mapping[str, str], body: Any
    ) -> bytes:
        if self.dialect is Dialect.V3_12:
            handler_id = self._handler_id(request_id, command.target, internal)
            return f"r:{request_id}:{command.name}:{handler_id}:{_ppid(body)}".encode()
        message = {"id": request_id, "method": command.name, "internal": dict(internal), "data": {"ppid": _ppid(body)}}
        return orjson.dumps(message)

    def _encode_payload_notification(self, command: Command[Any, Any], internal: Mapping[str, str], body: Any) -> bytes:
        if self.dialect is Dialect.V3_12:
            return f"n:{command.name}:{internal[f'{command.target}Id']}:{_ppid(body)}".encode()
        return orjson.dumps({"event": command.name, "internal": dict(internal), "data": {"ppid": _ppid(body)}})

    @staticmethod
    def _handler_id(request_id: int, target: str, internal: Mapping[str, str]) -> str:
        if target == "worker":
            return _WORKERS_HANDLERS[request_id % len(_WORKERS_HANDLERS)]
        return internal.get(f"{target}Id", "")


def _ppid(body: Any) -> str:
    return "" if body is None else str(msgspec.to_builtins(body)["ppid"])
