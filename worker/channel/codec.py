"""The worker's half of the channel's language: reads requests of both dialects, writes replies, events and log lines.

::

    3.10   {"id":1,"method":"worker.createRouter","internal":{"routerId":"af27…"},"data":{…}}
    3.12   1:worker.createRouter:undefined:{"routerId":"0541…"}                id:method:handlerId:json

    payload channel, before the payload's frame
    3.10   {"event":"dataProducer.send","internal":{…},"data":{"ppid":51}}     {"id":1,"method":"dataConsumer.send",…}
    3.12   n:dataProducer.send:<handlerId>:51                                  r:1:dataConsumer.send:<handlerId>:51

The dialects are told apart by the first byte. Both become a ``Request`` of one form: the id of the object that
handles it, and a body in which the ids that the 3.10 dialect carries in ``internal`` stand too.

As the reference has it, data (and ``internal``) that is ``null`` or anything else but an object is none, since some
controllers write ``null`` where there is nothing to say; what is for the worker itself may name any handler.
"""

from __future__ import annotations

from enum import Enum
from types import NoneType
from typing import Any, Final

import msgspec

from miso.worker.errors import BodyError, CommandError, MisoError, ParseError

from .bodies.worker import WorkerDump
from .commands import BY_NAME, PAYLOAD_NOTIFICATIONS_BY_NAME, PAYLOAD_REQUESTS_BY_NAME, Command

MAX_REQUEST_ID: Final = 2**32 - 1
_UNDEFINED: Final = "undefined"
_MAX_PPID: Final = 2**32 - 1
_MAX_DIGITS: Final = 10  # of a number with 32 bits
_WHITE_SPACE: Final = b" \t\r\n"
_NO_DATA: Final = b"{}"
_NO_MEMBERS: Final[dict[str, object]] = {}


class Dialect(Enum):
    """How a request was written."""

    V3_10 = "3.10"
    V3_12 = "3.12"


class LogLevel(Enum):
    """First byte of a log line's frame."""

    DEBUG = "D"
    WARN = "W"
    ERROR = "E"
    DUMP = "X"


class RequestError(MisoError):
    """A request that has an id but cannot be taken; ``frame`` is the error reply to send."""

    def __init__(self, request_id: int, error: Exception, method: str) -> None:
        super().__init__(f"{error} [method:{method}]")
        self.frame = encode_error(request_id, error, method)


class Request(msgspec.Struct, frozen=True):
    """A command as it came in.

    Attributes:
        id: What the reply must carry; 0 for a notification of the payload channel, which gets none.
        method: The name as the controller wrote it, either of the command's two.
        command: The row of the table.
        handler_id: The object that handles it; None where none is named, and where a close names only the object to
            close. It means nothing to the worker's own commands.
        data: A JSON object: the body as it came.
        dialect: Decides how the reply is shaped.
        members: Of the body, what stands elsewhere in the request: most ids of the 3.10 dialect.
        parent_ids: The handler's parent, and its parent's, which only the 3.10 dialect names.
    """

    id: int
    method: str
    command: Command[Any, Any]
    handler_id: str | None
    data: bytes
    dialect: Dialect
    members: dict[str, object] = _NO_MEMBERS
    parent_ids: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Without the body: it may hold secrets."""
        return f"Request(id={self.id}, method={self.method!r}, handler_id={self.handler_id!r})"

    @property
    def object_id(self) -> str:
        """The id of the object to create or to close.

        Raises:
            CommandError: The body does not name it.
            BodyError: The body has a text that is none.
        """
        return _object_id(_members_of(self.data) | self.members, self.command.ids[0])

    def body(self) -> object:
        """The body, typed and checked.

        Raises:
            CommandError: An id is missing.
            BodyError: Wrong values, with the path of the first.
        """
        command = self.command
        if command.request is NoneType:
            return None
        data = _with_members(self.data, self.members) if self.members else self.data
        try:
            return command.decoder.decode(data)
        except _UNREADABLE:  # maybe of an id that stands in both places
            return self._converted()

    def _converted(self) -> object:
        """As ``body``, member by member."""
        members = _members_of(self.data) | self.members
        for name in self.command.ids:
            _object_id(members, name)
        try:
            return msgspec.convert(members, self.command.request)
        except msgspec.ValidationError as error:
            raise BodyError(str(error)) from error


def parse_request(body: bytes) -> Request:
    """Reads a frame of the channel.

    Raises:
        ParseError: Not even the request's id can be read: there is nobody to answer.
        RequestError: Unknown method or unreadable body; it carries the reply.
    """
    body = body.lstrip(_WHITE_SPACE)
    if body[:1] == b"{":
        message = _message(body)
        return _parse_3_10(message, message.method, BY_NAME)
    return _parse_3_12(body, BY_NAME)


def parse_payload_header(body: bytes) -> Request:
    """Reads a header frame of the payload channel: a request, or a notification (``id`` 0).

    Raises:
        ParseError: Not readable, or a notification that nobody knows.
        RequestError: A request with an unknown method or an unreadable body; it carries the reply.
    """
    body = body.lstrip(_WHITE_SPACE)
    if body[:1] == b"{":
        message = _message(body)
        if isinstance(message.event, str):
            return _parse_3_10(message, message.event, PAYLOAD_NOTIFICATIONS_BY_NAME, notification=True)
        return _parse_3_10(message, message.method, PAYLOAD_REQUESTS_BY_NAME)
    if body.startswith(b"n:"):
        return _parse_3_12(b"0:" + body[2:], PAYLOAD_NOTIFICATIONS_BY_NAME, notification=True)
    if body.startswith(b"r:"):
        return _parse_3_12(body[2:], PAYLOAD_REQUESTS_BY_NAME)
    raise ParseError(f"payload header begins with {body[:2]!r}, expected '{{', 'n:' or 'r:'")


# ---------------------------------------------------------------- what the worker says


def encode_response(request: Request, body: object | None) -> bytes:
    """The reply to a request that was done; ``body`` is of the row's response type, or None.

    Raises:
        TypeError: The body cannot be written as JSON (a bug of the handler).
    """
    if body is None:
        return b'{"id":%d,"accepted":true}' % request.id
    if isinstance(body, WorkerDump) and request.dialect is Dialect.V3_10:
        body = msgspec.structs.replace(body, channel_message_handlers=None)
    return msgspec.json.encode({"id": request.id, "accepted": True, "data": body})


def encode_error(request_id: int, error: Exception, method: str) -> bytes:
    """The reply to a request that was not done: ``TypeError`` for a ``BodyError``, else ``Error``."""
    kind = "TypeError" if isinstance(error, BodyError) else "Error"
    reason = f"{error} [method:{method}]".encode("utf-8", "replace").decode()
    return msgspec.json.encode({"id": request_id, "error": kind, "reason": reason})


def encode_event(target_id: str | int, event: str, body: object | None = None) -> bytes:
    """An event; ``body`` is a struct of ``events``, a list of them, or None for an event without a body."""
    if body is None:
        return msgspec.json.encode({"targetId": target_id, "event": event})
    return msgspec.json.encode({"targetId": target_id, "event": event, "data": body})


def encode_log(level: LogLevel, text: str) -> bytes:
    """A log line."""
    return (level.value + text).encode("utf-8", "replace")


# ---------------------------------------------------------------- reading


class _Message(msgspec.Struct, frozen=True):
    """A request or notification of the 3.10 dialect, as it was written: nothing of it is checked yet."""

    id: object = None
    method: object = None
    event: object = None
    internal: object = None
    data: msgspec.Raw = msgspec.Raw()


_MESSAGE_DECODER: Final = msgspec.json.Decoder(_Message)
_RAW_DECODER: Final = msgspec.json.Decoder(msgspec.Raw)
_MEMBERS_DECODER: Final = msgspec.json.Decoder(dict[str, object])
_UNREADABLE: Final = (msgspec.DecodeError, RecursionError)  # the latter for what is nested without end


def _message(body: bytes) -> _Message:
    try:
        return _MESSAGE_DECODER.decode(body)
    except _UNREADABLE as error:
        raise ParseError(f"channel message is not JSON: {error}") from None


def _members_of(data: bytes) -> dict[str, object]:
    """Raises ``BodyError`` for a JSON object in which something cannot be read, as a text that is no UTF-8."""
    try:
        return _MEMBERS_DECODER.decode(data)
    except _UNREADABLE as error:
        raise BodyError(f"JSON parsing error: {error}") from None


def _object_id(members: dict[str, object], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise CommandError(f"missing {name}")
    return value


def _with_members(data: bytes, members: dict[str, object]) -> bytes:
    """A JSON object with these members more."""
    more = msgspec.json.encode(members)
    return b"%b,%b" % (data[:-1], more[1:]) if data[1:-1].strip(_WHITE_SPACE) else more


def _parse_3_10(
    message: _Message, method: object, table: dict[str, Command[Any, Any]], *, notification: bool = False
) -> Request:
    request_id = 0 if notification else message.id
    if type(request_id) is not int or not (notification or 1 <= request_id <= MAX_REQUEST_ID):
        raise ParseError(f"request id is {request_id!r:.100}, expected 1 to {MAX_REQUEST_ID}")
    command = table.get(method) if isinstance(method, str) else None
    if command is None:
        raise _unknown_method(request_id, method)
    assert isinstance(method, str)
    internal = message.internal if isinstance(message.internal, dict) else {}
    data = bytes(message.data)
    if data[:1] != b"{":
        data = _NO_DATA
    members: dict[str, object] = {}
    for name in command.ids:
        value = internal.get(name)
        if isinstance(value, str):
            members[name] = value
    if command.name in PAYLOAD_NAMES_WITH_PPID:
        members["ppid"] = _ppid(request_id, method, _told_ppid(request_id, method, data))
    handler_id = internal.get(command.handler_id_name)
    if handler_id is not None and not isinstance(handler_id, str):
        if command.target != "worker":
            raise _refusal(request_id, CommandError(f"missing internal.{command.handler_id_name}"), method)
        handler_id = None
    parent_ids: tuple[str, ...] = ()
    for name in command.parent_id_names:
        if name in internal:
            if not isinstance(internal[name], str):
                raise _refusal(request_id, CommandError("an id in internal is no text"), method)
            parent_ids = (*parent_ids, internal[name])
    return Request(request_id, method, command, handler_id, data, Dialect.V3_10, members, parent_ids)


def _parse_3_12(body: bytes, table: dict[str, Command[Any, Any]], notification: bool = False) -> Request:
    id_text, *rest = body.split(b":", 3)
    if not (id_text.isdigit() and len(id_text) <= _MAX_DIGITS and rest):
        raise ParseError(f"request is {body[:100]!r}, expected id:method:handlerId:json")
    request_id = int(id_text)
    if not notification and not 1 <= request_id <= MAX_REQUEST_ID:
        raise ParseError(f"request id is {request_id}, expected 1 to {MAX_REQUEST_ID}")
    method, handler_id = (*(text.decode(errors="replace") for text in rest[:2]), _UNDEFINED)[:2]
    command = table.get(method)
    if command is None:
        raise _unknown_method(request_id, method)
    text = rest[2].strip(_WHITE_SPACE) if len(rest) > 2 else b""
    handler = None if handler_id in (_UNDEFINED, "") else handler_id
    if command.name in PAYLOAD_NAMES:
        members = _payload_members_3_12(request_id, method, command, text)
        return Request(request_id, method, command, handler, _NO_DATA, Dialect.V3_12, members)
    data = _data_3_12(request_id, method, text)
    if command.alias and method == command.name and handler is not None:
        # the 3.10 name of a close: its handlerId is the object to close
        return Request(request_id, method, command, None, data, Dialect.V3_12, {command.ids[0]: handler})
    return Request(request_id, method, command, handler, data, Dialect.V3_12)


def _data_3_12(request_id: int, method: str, text: bytes) -> bytes:
    if text in (_UNDEFINED.encode(), b""):
        return _NO_DATA
    try:
        _RAW_DECODER.decode(text)
    except _UNREADABLE as error:
        raise _refusal(request_id, BodyError(f"JSON parsing error: {error}"), method) from None
    return text if text[:1] == b"{" else _NO_DATA


def _payload_members_3_12(request_id: int, method: str, command: Command[Any, Any], text: bytes) -> dict[str, object]:
    """The payload channel carries a bare ppid instead of JSON, or nothing that counts; a field too many is cut off."""
    if command.name not in PAYLOAD_NAMES_WITH_PPID:
        return {}
    return {"ppid": _ppid(request_id, method, text.partition(b":")[0].decode(errors="replace"))}


def _told_ppid(request_id: int, method: str, data: bytes) -> object:
    try:
        return _members_of(data).get("ppid")
    except BodyError as error:
        raise _refusal(request_id, error, method) from None


def _ppid(request_id: int, method: str, value: object) -> int:
    """A ppid as some controllers write it: a number, or a text of digits."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
        value = int(value)
    if type(value) is not int or not 0 <= value <= _MAX_PPID:
        raise _refusal(request_id, BodyError(f"invalid ppid {value!r:.100}, expected 0 to {_MAX_PPID}"), method)
    return value


PAYLOAD_NAMES: Final = PAYLOAD_REQUESTS_BY_NAME.keys() | PAYLOAD_NOTIFICATIONS_BY_NAME.keys()
PAYLOAD_NAMES_WITH_PPID: Final = frozenset(
    name
    for table in (PAYLOAD_REQUESTS_BY_NAME, PAYLOAD_NOTIFICATIONS_BY_NAME)
    for name, command in table.items()
    if command.request is not NoneType
)


def _unknown_method(request_id: int, method: object) -> MisoError:
    return _refusal(request_id, CommandError("unknown method"), f"{method:.100}" if isinstance(method, str) else "")


def _refusal(request_id: int, error: MisoError, method: str) -> MisoError:
    """A notification (id 0) has nobody to answer."""
    if request_id == 0:
        return ParseError(f"{error} [event:{method}]")
    return RequestError(request_id, error, method)
