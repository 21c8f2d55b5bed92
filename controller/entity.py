"""What all objects of the API have in common: an id in the worker, events, an observer, one end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from types import NoneType
from typing import Any, ClassVar, Final, TypeVar

from miso.controller.emitter import Emitter
from miso.controller.errors import InvalidStateError
from miso.controller.process.channel import Channel
from miso.controller.process.closing_commands import closing_body
from miso.controller.types import AppData
from miso.worker.channel.client_codec import decode_event
from miso.worker.channel.commands import Command
from miso.worker.channel.events import BY_NAME

_logger = logging.getLogger(__name__)

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")
EntityT = TypeVar("EntityT", bound="Entity")


class Entity(Emitter):
    """An object that lives in the worker under an id. Its attributes are for reading, except ``app_data``.

    Attributes:
        id: A UUID unless the application chose one.
        closed: Whether it is closed, by itself or with what it belongs to.
        app_data: The application's own data; it may be replaced.
        observer: Tells of everything that happens to the object, whoever caused it; always of ``close``.
    """

    _KIND: ClassVar[str]
    """What the worker's table of events calls such objects."""

    _CLOSE: ClassVar[Command[Any, None]]
    """What closes its half in the worker."""

    def __init__(self, channel: Channel, path: Mapping[str, str], app_data: AppData | None) -> None:
        """Registers an object.

        Args:
            channel: The way to the worker.
            path: The ids from the router (or server) down to the object; the last one is the object's.
            app_data: The application's own data.
        """
        super().__init__()
        self.id: Final = list(path.values())[-1]
        self.closed = False
        self.app_data: AppData = check_app_data(app_data)
        self.observer: Final = Emitter()
        self._channel = channel
        self._path = dict(path)
        """The ids from the router (or server) down to the object."""
        self._at_end: list[Callable[[], object]] = []
        """Called when it ends: what it belongs to forgets it."""
        self._handlers: Mapping[str, Callable[..., object]] = self._event_handlers()
        channel.subscribe(self.id, self._on_event)

    def close(self) -> None:
        """Closes it and what belongs to it, here at once and in the worker as soon as that hears of it."""
        self._end(None)

    def closed_by(self, cause: str) -> None:
        """For what it belongs to, which closed, and whose half in the worker closed this one's.

        Args:
            cause: The event that says so, such as "transportclose".
        """
        self._end(cause)

    def at_end(self, callback: Callable[[], object]) -> None:
        """Calls back when the object ends, before anybody else hears of it. For the objects it belongs to."""
        self._at_end.append(callback)

    def _event_handlers(self) -> Mapping[str, Callable[..., object]]:
        """The worker's events: name → what to do with the body (if it has one) and the payload (if it has one)."""
        return {}

    def _end_children(self) -> None:
        """Ends what belongs to the object."""

    def _end(self, cause: str | None) -> None:
        """Ends the object: on the application's wish (None), or because of an event that is named and emitted."""
        if self.closed:
            return
        self.closed = True
        self._channel.unsubscribe(self.id)
        if cause is None:
            self._channel.post(self._CLOSE, self._path, closing_body(self._CLOSE, self.id))
        self._end_children()
        for callback in self._at_end:
            callback()
        _logger.debug("%s=%s closed cause=%s", type(self).__name__, self.id, cause or "close()")
        if cause is not None:
            self.emit(cause)
        self.observer.emit("close")
        self._let_go()

    def _let_go(self) -> None:
        """Forgets who listened and whom it called: the object goes with its last user, not with a search for cycles."""
        self.remove_all_listeners()
        self.observer.remove_all_listeners()
        self._at_end.clear()
        self._handlers = {}

    def _tell(self, event: str, *args: object) -> None:
        """Emits an event on the object and on its observer."""
        self.emit(event, *args)
        self.observer.emit(event, *args)

    def _check_open(self) -> None:
        if self.closed:
            raise InvalidStateError(f"{type(self).__name__} closed")

    async def _request(
        self, command: Command[RequestT, ResponseT], body: RequestT | None = None, payload: bytes | None = None
    ) -> ResponseT:
        """Asks the object's half in the worker."""
        self._check_open()
        return await self._channel.request(command, self._path, body, payload)

    def _on_event(self, name: str, data: object, payload: bytes | None) -> None:
        handler = self._handlers.get(name)
        event = BY_NAME.get((self._KIND, name))
        if handler is None or event is None:
            _logger.error("%s=%s ignoring unknown event %r", type(self).__name__, self.id, name)
            return
        arguments: list[Any] = []
        if event.body is not NoneType:
            arguments.append(decode_event(event, data))
        if event.payload:
            arguments.append(payload or b"")
        handler(*arguments)


class Pausable(Entity):
    """An object that can be paused, which it tells on its observer when it changes."""

    _PAUSE: ClassVar[Command[None, None]]
    _RESUME: ClassVar[Command[None, None]]

    def __init__(
        self, channel: Channel, path: Mapping[str, str], app_data: AppData | None, *, paused: bool = False
    ) -> None:
        super().__init__(channel, path, app_data)
        self.paused = paused

    async def pause(self) -> None:
        """Does not do what it is for, from now on."""
        was_paused = self.paused
        await self._request(self._PAUSE)
        self.paused = True
        if not was_paused:
            self.observer.emit("pause")

    async def resume(self) -> None:
        """Does again what it is for."""
        was_paused = self.paused
        await self._request(self._RESUME)
        self.paused = False
        if was_paused:
            self.observer.emit("resume")


def keep_until_end(child: EntityT, *tables: dict[str, EntityT]) -> None:
    """Keeps a child in tables, by its id, until it ends."""
    for table in tables:
        table[child.id] = child
        child.at_end(partial(table.pop, child.id, None))


def check_app_data(app_data: object) -> AppData:
    """The application's data, an empty dict if there is none.

    Raises:
        TypeError: It is no dict.
    """
    if app_data is None:
        return {}
    if not isinstance(app_data, dict):
        raise TypeError("if given, app_data must be a dict")
    return app_data
