"""The controller's half of the channel's language: writes requests in either dialect, reads what the worker says.

The harness and the controller use it; the worker's half is ``codec``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, TypeVar

import msgspec
import orjson

from miso.worker.errors import ParseError

from .codec import Dialect, LogLevel
from .commands import Command
from .events import Event

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request was done; ``data`` is for ``decode_response``."""

    id: int
    data: object


@dataclass(frozen=True, slots=True)
class Refused:
    """A request was not done; ``error`` is "TypeError" for wrong values in the body, else "Error"."""

    id: int
    error: str
    reason: str


@dataclass(frozen=True, slots=True)
class Notification:
    """An event; ``data`` is for ``decode_event``. ``target_id`` of ``running`` is the worker's pid as text."""

    target_id: str
    event: str
    data: object


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the worker's log."""

    level: LogLevel
    text: str


Message = Accepted | Refused | Notification | LogLine


def encode_request(
    request_id: int,
    command: Command[RequestT, ResponseT],
    internal: Mapping[str, str],
    body: RequestT,
    dialect: Dialect = Dialect.V3_10,
) -> bytes:
    """A request for the channel.

    Args:
        request_id: 1 to 2**32 - 1, not in use by a pending request.
        command: The row.
        internal: The ids on the way to the handler, by wire name: ``{"routerId": …, "transportId": …}``.
        body: Of the row's request type; None where that is ``NoneType``.
        dialect: How to write it.
    """
    data = None if body is None else msgspec.to_builtins(body)
    ids = {name: data[name] for name in command.ids if data and name in data}
    if dialect is Dialect.V3_10:
        message: dict[str, Any] = {"id": request_id, "method": command.name, "internal": {**internal, **ids}}
        if data is not None:
            message["data"] = data
        return orjson.dumps(message)
    handler_id = internal.get(f"{command.target}Id", "undefined")
    json = b"undefined" if data is None else orjson.dumps(data)
    return f"{request_id}:{command.alias or command.name}:{handler_id}:".encode() + json


def encode_payload_request(
    request_id: int,
    command: Command[RequestT, ResponseT],
    internal: Mapping[str, str],
    body: RequestT,
    dialect: Dialect = Dialect.V3_10,
) -> bytes:
    """The header frame of a request on the payload channel; its payload's frame must follow."""
    if dialect is Dialect.V3_10:
        return encode_request(request_id, command, internal, body)
    return f"r:{request_id}:{command.name}:{internal[f'{command.target}Id']}:{_ppid(body)}".encode()


def encode_payload_notification(
    command: Command[RequestT, ResponseT],
    internal: Mapping[str, str],
    body: RequestT,
    dialect: Dialect = Dialect.V3_10,
) -> bytes:
    """The header frame of a notification on the payload channel; its payload's frame must follow."""
    if dialect is Dialect.V3_10:
        message: dict[str, Any] = {"event": command.name, "internal": dict(internal)}
        if body is not None:
            message["data"] = msgspec.to_builtins(body)
        return orjson.dumps(message)
    return f"n:{command.name}:{internal[f'{command.target}Id']}:{_ppid(body)}".encode()


def parse_message(body: bytes) -> Message:
    """Reads a frame that the worker sent on either channel (not a payload's).

    Raises:
        ParseError: Neither a log line nor a message of the three kinds.
    """
    first = body[:1].decode("latin-1")
    if first in ("D", "W", "E", "X"):
        return LogLine(LogLevel(first), body[1:].decode(errors="replace"))
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ParseError(f"worker's message is not JSON: {error}") from None
    match message:
        case {"id": int(request_id), "accepted": True}:
            return Accepted(request_id, message.get("data"))
        case {"id": int(request_id), "error": str(kind)}:
            return Refused(request_id, kind, str(message.get("reason", "")))
        case {"targetId": int() | str() as target_id, "event": str(event)}:
            return Notification(str(target_id), event, message.get("data"))
    raise ParseError(f"worker's message is neither response nor event: {body[:200]!r}")


def decode_response(command: Command[RequestT, ResponseT], data: object) -> ResponseT:
    """The data of ``Accepted``, typed; None where there is none.

    Raises:
        ParseError: The worker answered with another shape.
    """
    return decode_as(command.response, data)


def decode_as(kind: type[ResponseT], data: object) -> ResponseT:
    """Data of a response, as a type that is narrower than the row's (``transport.dump`` of a WebRtcTransport).

    Raises:
        ParseError: The worker answered with another shape.
    """
    if data is None or kind is NoneType:
        return None  # type: ignore[return-value]  # a body that is absent stays absent, whatever the row says
    response: ResponseT = _convert(data, kind)
    return response


def decode_event(event: Event, data: object) -> Any:
    """The data of ``Notification``, of the row's body type; None where there is none.

    Raises:
        ParseError: The worker sent another shape.
    """
    if data is None or event.body is NoneType:
        return None
    return _convert(data, event.body)


def _convert(data: object, kind: Any) -> Any:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise ParseError(f"worker's message has the wrong shape: {error}") from error


def _ppid(body: object) -> str:
    return "undefined" if body is None else str(msgspec.to_builtins(body)["ppid"])
