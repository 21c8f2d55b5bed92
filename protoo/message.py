"""The four messages of protoo, and their JSON.

Each is one WebSocket text frame holding one JSON object:

============== ==================================================================
request        ``{request: true, id, method, data}``
success        ``{response: true, id, ok: true, data}``
error          ``{response: true, id, errorCode, errorReason}`` (a client adds ``ok: false``)
notification   ``{notification: true, method, data}``
============== ==================================================================

``data`` that JavaScript would call falsy (absent, null, 0, "", false) means ``{}``, when sent and when received.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import cast

import orjson

from miso.protoo.errors import MalformedMessageError

MAX_ID = 10_000_000
"""Ids of requests are drawn from 0 to this number; any JSON number is accepted from the other side."""

MAX_VALUES = 100_000
"""Brackets, braces and commas in one message: what it costs to read grows with these, not with its size."""

MAX_DEPTH = 100
"""Arrays and objects within each other in one message. More could be read, but not written: nobody could pass it on."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request, which wants exactly one response with the same id."""

    id: int | float
    method: str
    data: object


@dataclass(frozen=True, slots=True)
class SuccessResponse:
    """The answer to a request that was done. ``data`` may be an array or a string as well as an object."""

    id: int | float
    data: object


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """The answer to a request that was rejected; a missing code is None, a missing reason is empty."""

    id: int | float
    code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Notification:
    """A message without an answer."""

    method: str
    data: object


Message = Request | SuccessResponse | ErrorResponse | Notification


def random_id() -> int:
    """An id for a request, from 0 to :data:`MAX_ID`. The caller sees to it that it is not in use."""
    return random.randint(0, MAX_ID)


def encode(message: Message) -> bytes:
    """The text frame of a message, in UTF-8.

    Raises:
        TypeError: ``data`` holds something that JSON cannot say.
    """
    match message:
        case Request(id, method, data):
            body = {"request": True, "id": id, "method": method, "data": _or_empty(data)}
        case SuccessResponse(id, data):
            body = {"response": True, "id": id, "ok": True, "data": _or_empty(data)}
        case ErrorResponse(id, code, reason):
            body = {"response": True, "id": id, "errorCode": code, "errorReason": reason}
        case Notification(method, data):
            body = {"notification": True, "method": method, "data": _or_empty(data)}
    # a copy: orjson's own bytes keep the room they were written in, 4 kB and more for a short message
    return bytes(memoryview(orjson.dumps(body)))


def parse(frame: str | bytes) -> Message:
    """The message in a text frame.

    The flags are looked at in the order request, response, notification, and the first true one wins. A response
    whose ``ok`` is not true is an error.

    Raises:
        MalformedMessageError: The frame is not JSON, not an object, nested deeper than :data:`MAX_DEPTH`, has more
            than :data:`MAX_VALUES` values, or a field has the wrong type.
    """
    if _values(frame) > MAX_VALUES:
        raise MalformedMessageError(f"message has more than {MAX_VALUES} values")
    try:
        body = orjson.loads(frame)
    except ValueError as error:
        raise MalformedMessageError(f"not JSON: {error}") from None
    if not isinstance(body, dict):
        raise MalformedMessageError(f"message is of type {type(body).__name__}, expected an object")
    if _deeper_than(MAX_DEPTH, body):
        raise MalformedMessageError(f"message is nested deeper than {MAX_DEPTH}", _request_id(body))
    if _truthy(body.get("request")):
        return Request(_id(body, "request"), _method(body, "request"), _or_empty(body.get("data")))
    if _truthy(body.get("response")):
        return _parse_response(body)
    if _truthy(body.get("notification")):
        return Notification(_method(body, "notification"), _or_empty(body.get("data")))
    raise MalformedMessageError("message is neither request, response nor notification")


def _parse_response(body: dict[str, object]) -> SuccessResponse | ErrorResponse:
    response_id = _id(body, "response")
    if _truthy(body.get("ok")):
        return SuccessResponse(response_id, _or_empty(body.get("data")))
    code = body.get("errorCode")
    reason = body.get("errorReason")
    return ErrorResponse(
        response_id,
        int(code) if isinstance(code, int | float) else None,
        reason if isinstance(reason, str) else "",
    )


def _id(body: dict[str, object], what: str) -> int | float:
    value = body.get("id")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedMessageError(f"{what}.id is {_shown(value)}, expected a number")
    return value


def _method(body: dict[str, object], what: str) -> str:
    value = body.get("method")
    if not isinstance(value, str):
        raise MalformedMessageError(f"{what}.method is {_shown(value)}, expected a string", _request_id(body))
    return value


def _request_id(body: dict[str, object]) -> int | float | None:
    """The id of a message that would be a request, if it has a proper one."""
    value = body.get("id")
    if not _truthy(body.get("request")) or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def _values(frame: str | bytes) -> int:
    """At most how many values a text has; commas in strings are counted too."""
    if isinstance(frame, str):
        return frame.count(",") + frame.count("[") + frame.count("{")
    return frame.count(b",") + frame.count(b"[") + frame.count(b"{")


def _deeper_than(depth: int, value: dict[str, object]) -> bool:
    level: list[object] = [value]
    for _ in range(depth):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else cast(list[object], node))
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _truthy(value: object) -> bool:
    """JavaScript's idea of truth, where an empty array and an empty object are true."""
    return bool(value) or isinstance(value, dict | list)


def _or_empty(data: object) -> object:
    return data if _truthy(data) else {}
