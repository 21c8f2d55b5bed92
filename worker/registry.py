"""The worker's table of objects: how a command finds who handles it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType
from typing import Any

from worker.channel.bodies.worker import ChannelMessageHandlers
from worker.channel.codec import Request
from worker.channel.commands import COMMANDS, Command, handlers_of
from worker.errors import CommandError

_TAKES_PAYLOAD_REQUESTS = ("transport", "dataConsumer")
_TAKES_PAYLOAD_NOTIFICATIONS = ("transport", "producer", "dataProducer")


@dataclass(frozen=True, slots=True)
class _Entry:
    handler: object
    parent_id: str | None


class Registry:
    """Implements ``worker.rtc.context.Registry``; the worker itself handles what names no other object."""

    def __init__(self, worker: object) -> None:
        """``worker`` handles the commands ``worker.*``."""
        self._worker = worker
        self._entries: dict[str, _Entry] = {}

    def add(self, handler: object, object_id: str, parent_id: str | None) -> None:
        """Makes an object reachable by commands. Raises ``CommandError`` for an id in use."""
        if object_id in self._entries:
            raise CommandError(f"an object with same id already exists [id:{object_id}]")
        self._entries[object_id] = _Entry(handler, parent_id)

    def remove(self, object_id: str) -> None:
        """Forgets the id; no effect when it is not there."""
        self._entries.pop(object_id, None)

    def dispatch(self, request: Request, *payload: bytes) -> object | None:
        """Has the object that the request is for do it.

        Raises:
            CommandError: There is no such object, or it does not know the command; and whatever the handler raises.
        """
        handler = self._find(request)
        function = functions_of(type(handler)).get(request.command.name)
        if function is None:
            raise CommandError("unknown method")
        body = () if request.command.request is NoneType else (request.body(),)
        answer: object | None = function(handler, *body, *payload)
        return answer

    def describe(self) -> ChannelMessageHandlers:
        """The ids of who takes what, as ``worker.dump`` shows them."""
        kinds = {object_id: kind_of(type(entry.handler)) for object_id, entry in self._entries.items()}
        return ChannelMessageHandlers(
            channel_request_handlers=list(kinds),
            payload_channel_request_handlers=[i for i, kind in kinds.items() if kind in _TAKES_PAYLOAD_REQUESTS],
            payload_channel_notification_handlers=[
                i for i, kind in kinds.items() if kind in _TAKES_PAYLOAD_NOTIFICATIONS
            ],
        )

    def _find(self, request: Request) -> object:
        command = request.command
        if command.target == "worker":
            return self._worker
        handler_id = request.handler_id
        if handler_id is None and command.alias is not None:
            entry = self._entries.get(request.object_id)
            handler_id = entry.parent_id if entry is not None else None
        found = self._entries.get(handler_id) if handler_id is not None else None
        if found is None:
            raise CommandError(f"Channel request handler with ID {handler_id} not found")
        return found.handler


_functions: dict[type, dict[str, Callable[..., Any]]] = {}  # by class, each looked at once


def functions_of(kind: type) -> dict[str, Callable[..., Any]]:
    """The handlers of a class by the command's name."""
    if kind not in _functions:
        _functions[kind] = handlers_of(kind)
    return _functions[kind]


def kind_of(kind: type) -> str:
    """What objects of a class are called in commands: router, transport, producer, …"""
    names = functions_of(kind)
    own: list[Command[Any, Any]] = [command for command in COMMANDS if command.alias is None and command.name in names]
    return own[0].target if own else ""
