"""The worker's table of objects: how a command finds who handles it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from types import NoneType
from typing import Any

from miso.worker.channel.bodies.worker import ChannelMessageHandlers
from miso.worker.channel.codec import Dialect, Request
from miso.worker.channel.commands import COMMANDS, Command, handlers_of
from miso.worker.errors import CommandError

_TAKES_PAYLOAD_REQUESTS = ("transport", "dataConsumer")
_TAKES_PAYLOAD_NOTIFICATIONS = ("transport", "producer", "dataProducer")


class Registry:
    """Implements ``miso.worker.rtc.context.Registry``; the worker itself handles what names no other object.

    An id is new in the whole worker in the 3.12 dialect, whose commands name an object by its id alone. The commands of
    the 3.10 dialect name the parents too, and there an id is new among its parent's children: two routers of one worker
    have each a producer of the same id when one pipes it to the other. A command whose parents are not the object's is
    refused, whatever its id: it may be late, and be for a namesake that has closed.
    """

    def __init__(self, worker: object) -> None:
        """``worker`` handles the commands ``worker.*``."""
        self._worker = worker
        self._handlers: dict[str, dict[str | None, object]] = {}  # by id and parent's id
        self._ids_are_new_in_worker = True

    def add(self, handler: object, object_id: str, parent_id: str | None) -> None:
        """Makes an object reachable by commands. Raises ``CommandError`` for an id in use."""
        namesakes = self._handlers.setdefault(object_id, {})
        if namesakes and (self._ids_are_new_in_worker or parent_id in namesakes):
            raise CommandError(f"an object with same id already exists [id:{object_id}]")
        namesakes[parent_id] = handler

    def remove(self, object_id: str, parent_id: str | None) -> None:
        """Forgets the object; no effect when it is not there."""
        namesakes = self._handlers.get(object_id, {})
        namesakes.pop(parent_id, None)
        if not namesakes:
            self._handlers.pop(object_id, None)

    def dispatch(self, request: Request, *payload: bytes) -> object | None:
        """Has the object that the request is for do it.

        Raises:
            CommandError: There is no such object, or it does not know the command; and whatever the handler raises.
        """
        self._ids_are_new_in_worker = request.dialect is Dialect.V3_12
        handler = self._find(request)
        function = functions_of(type(handler)).get(request.command.name)
        if function is None:
            raise CommandError("unknown method")
        body = () if request.command.request is NoneType else (request.body(),)
        answer: object | None = function(handler, *body, *payload)
        return answer

    def describe(self) -> ChannelMessageHandlers:
        """The ids of who takes what, as ``worker.dump`` shows them."""
        kinds = {
            object_id: kind_of(type(handler))
            for object_id, namesakes in self._handlers.items()
            for handler in namesakes.values()
        }
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
        if handler_id is None and command.alias is not None and request.method == command.name:
            handler_id = self._parent_of(request.object_id)
        if not handler_id:
            raise CommandError(f"missing {command.target}Id, the handler")
        for child_id, parent_id in pairwise((handler_id, *request.parent_ids)):
            if parent_id not in self._handlers.get(child_id, {}):
                raise CommandError(f"Channel request handler with ID {child_id} not found in {parent_id}")
        namesakes = self._namesakes(handler_id)
        if request.parent_ids:
            return namesakes[request.parent_ids[0]]
        return namesakes[_only(handler_id, namesakes)]

    def _parent_of(self, object_id: str) -> str | None:
        return _only(object_id, self._namesakes(object_id))

    def _namesakes(self, object_id: str) -> dict[str | None, object]:
        namesakes = self._handlers.get(object_id)
        if not namesakes:
            raise CommandError(f"Channel request handler with ID {object_id} not found")
        return namesakes


def _only(object_id: str, namesakes: Mapping[str | None, object]) -> str | None:
    """The parent of an object that has no namesake: nobody guesses which of two was meant."""
    if len(namesakes) > 1:
        raise CommandError(f"{len(namesakes)} objects have the ID {object_id}, and which parent's is not said")
    return next(iter(namesakes))


_functions: dict[type, dict[str, Callable[..., Any]]] = {}  # by class, each looked at once


def functions_of(kind: type) -> dict[str, Callable[..., Any]]:
    """The handlers of a class by the command's name."""
    if kind not in _functions:
        _functions[kind] = handlers_of(kind)
    return _functions[kind]


def kind_of(kind: type) -> str:
    """What objects of a class are called in commands: router, transport, producer and so on."""
    names = functions_of(kind)
    own: list[Command[Any, Any]] = [command for command in COMMANDS if command.alias is None and command.name in names]
    return own[0].target if own else ""
