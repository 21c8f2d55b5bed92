"""The way to a worker: requests and their answers, events, and the messages of direct transports.

Everything is said in the 3.10 dialect. What the worker says arrives on two pipes, answers and events on one, payloads
on the other; no order is promised between them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar, cast

from miso.controller.errors import InvalidStateError, RequestError
from miso.controller.process.closing import undoing
from miso.controller.process.worker_process import ChannelSockets
from miso.worker.channel.client_codec import (
    Accepted,
    LogLine,
    Notification,
    Refused,
    decode_response,
    encode_payload_notification,
    encode_payload_request,
    encode_request,
    parse_message,
)
from miso.worker.channel.codec import MAX_REQUEST_ID, LogLevel
from miso.worker.channel.commands import PAYLOAD_REQUESTS, Command
from miso.worker.channel.framing import FrameReader, OversizeFrame, frame
from miso.worker.errors import ParseError

_logger = logging.getLogger(__name__)
_worker_logger = logging.getLogger("miso.controller.worker.log")

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")
Listener = Callable[[str, object, "bytes | None"], None]
"""Takes an event's name, its raw body, and its payload (None on the channel without payloads)."""

_Answer = Accepted | Refused


class _Event(NamedTuple):
    """What the worker says by itself; the payload is None on the channel without payloads."""

    notification: Notification
    payload: bytes | None = None


# An event may follow right behind the answer that creates its object. Whoever waits for that answer runs one turn of
# the event loop later, and each task, wait_for() or gather() in between takes one or two more: then its listeners are
# in place.
_EVENT_DELAY_TURNS = 8

_MAX_UNSENT_BYTES = 64 * 1024 * 1024
"""Of payloads without an answer: beyond it a worker that does not read would fill our memory."""

_LOG_LEVELS = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.WARN: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
    LogLevel.DUMP: logging.INFO,
}


class Channel:
    """Both pipes to one worker."""

    def __init__(self, pid: int, on_lost: Callable[[], None]) -> None:
        """Prepares a channel; ``connect`` connects it.

        Args:
            pid: The worker's process id, for the log.
            on_lost: Called when the worker closes one of its ends while the channel is open.
        """
        self._pid = pid
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._next_id = 1
        self._pending: dict[int, tuple[Command[Any, Any], asyncio.Future[Any] | None]] = {}
        self._listeners: dict[str, Listener] = {}
        self._requests: asyncio.WriteTransport | None = None
        self._payload_out: asyncio.WriteTransport | None = None
        self._transports: list[asyncio.Transport] = []
        self._payload_header: Notification | None = None
        self._closed = False

    async def connect(self, sockets: ChannelSockets) -> None:
        """Takes the pipes over; closes them if it does not come to that."""
        readers = (self._ignore, self._on_frame, self._ignore, self._on_payload_frame)
        try:
            for sock, on_frame in zip(sockets, readers, strict=True):
                transport, _ = await self._loop.create_unix_connection(
                    partial(_Pipe, on_frame, self._emit, self._on_answer, self._lost), sock=sock
                )
                self._transports.append(transport)
        except BaseException:
            for sock in sockets[len(self._transports) :]:
                sock.close()
            raise
        self._requests, self._payload_out = self._transports[0], self._transports[2]

    @property
    def closed(self) -> bool:
        """Whether nothing can be said any more."""
        return self._closed

    def close(self) -> None:
        """Closes both pipes; what was asked and not answered fails."""
        if self._closed:
            return
        self._closed = True
        for transport in self._transports:
            transport.close()
        pending, self._pending = self._pending, {}
        for _, future in pending.values():
            if future is not None and not future.done():
                future.set_exception(InvalidStateError("Channel closed"))
        self._listeners.clear()

    def subscribe(self, target_id: str, listener: Listener) -> None:
        """Gives an object's events to a listener, its only one."""
        self._listeners[target_id] = listener

    def unsubscribe(self, target_id: str) -> None:
        """Drops an object's events from now on."""
        self._listeners.pop(target_id, None)

    async def request(
        self,
        command: Command[RequestT, ResponseT],
        path: Mapping[str, str],
        body: RequestT | None = None,
        payload: bytes | None = None,
    ) -> ResponseT:
        """Asks the worker and waits for its answer, without a time limit.

        When the waiting is cancelled, what was to be created is closed.

        Args:
            command: What to ask.
            path: The ids down to the object that is asked.
            body: Of the command's request type.
            payload: For the commands of the payload channel.

        Returns:
            The command's response type; None if the answer has no body.

        Raises:
            InvalidStateError: The channel is closed, or closes before the answer.
            TypeError: The worker says that values are wrong, or answers in a shape that is not the command's.
            RequestError: The worker says that it cannot be done.
        """
        future: asyncio.Future[ResponseT] = self._loop.create_future()
        self._say(command, path, body, payload, future)
        try:
            return await future
        except asyncio.CancelledError:
            undo = undoing(command, path, body)
            if undo is not None:
                self.post(*undo)
            raise

    def post(
        self, command: Command[RequestT, ResponseT], path: Mapping[str, str], body: RequestT | None = None
    ) -> None:
        """Asks the worker without waiting for an answer; does nothing if the channel is closed."""
        if not self._closed:
            self._say(command, path, body, None, None)

    def notify(
        self, command: Command[RequestT, ResponseT], path: Mapping[str, str], body: RequestT | None, payload: bytes
    ) -> None:
        """Sends a payload that has no answer.

        Raises:
            InvalidStateError: The channel is closed.
            RequestError: The payload is too large, or the worker has not read what was sent before.
        """
        if self._payload_out is not None and self._payload_out.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            raise RequestError("the worker does not keep up with what it is sent")
        header = encode_payload_notification(command, path, cast(RequestT, body))
        self._write(self._payload_out, _framed(header), _framed(payload))

    def _say(
        self,
        command: Command[RequestT, ResponseT],
        path: Mapping[str, str],
        body: RequestT | None,
        payload: bytes | None,
        future: asyncio.Future[ResponseT] | None,
    ) -> None:
        request_id = self._next_id
        if command in PAYLOAD_REQUESTS:
            header = encode_payload_request(request_id, command, path, cast(RequestT, body))
            self._write(self._payload_out, _framed(header), _framed(payload or b""))
        else:
            self._write(self._requests, _framed(encode_request(request_id, command, path, cast(RequestT, body))))
        self._next_id = request_id % MAX_REQUEST_ID + 1
        self._pending[request_id] = (command, future)

    def _write(self, transport: asyncio.WriteTransport | None, *frames: bytes) -> None:
        if self._closed or transport is None:
            raise InvalidStateError("Channel closed")
        transport.write(b"".join(frames))

    def _ignore(self, body: bytes) -> None:
        """Workers say nothing on the pipes that they are to read from."""

    def _on_frame(self, body: bytes) -> _Event | _Answer | None:
        message = self._parse(body)
        return _Event(message) if isinstance(message, Notification) else message

    def _on_payload_frame(self, body: bytes) -> _Event | _Answer | None:
        header, self._payload_header = self._payload_header, None
        if header is not None:
            return _Event(header, body)
        message = self._parse(body)
        if isinstance(message, Notification):
            self._payload_header = message
            return None
        return message

    def _parse(self, body: bytes) -> Notification | _Answer | None:
        """What a frame says; its log lines are logged at once."""
        try:
            message = parse_message(body)
        except ParseError as error:
            _logger.error("worker=%d ignoring what it said: %s", self._pid, error)
            return None
        if isinstance(message, LogLine):
            _worker_logger.log(_LOG_LEVELS[message.level], "worker=%d %s", self._pid, message.text)
            return None
        return message

    def _on_answer(self, message: _Answer) -> None:
        command, future = self._pending.pop(message.id, (None, None))
        if command is None:
            if not self._closed:
                _logger.error("worker=%d answers a request that was not made: id=%d", self._pid, message.id)
        elif future is None:
            if isinstance(message, Refused):
                _logger.debug("worker=%d refuses %s: %s", self._pid, command.name, message.reason)
        elif not future.done():
            _settle(future, command, message)

    def _emit(self, event: _Event) -> None:
        notification, payload = event
        # Events of an object that closed in the meantime have no listener.
        listener = self._listeners.get(notification.target_id)
        if listener is None:
            return
        try:
            listener(notification.event, notification.data, payload)
        except ParseError as error:
            _logger.error("worker=%d ignoring event %s: %s", self._pid, notification.event, error)

    def _lost(self) -> None:
        if not self._closed:
            self._on_lost()


class _Pipe(asyncio.Protocol):
    """One pipe, cut into frames. Events wait a little, and answers behind them wait with them: the order stays."""

    def __init__(
        self,
        on_frame: Callable[[bytes], _Event | _Answer | None],
        on_event: Callable[[_Event], None],
        on_answer: Callable[[_Answer], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._reader = FrameReader()
        self._on_frame = on_frame
        self._on_event = on_event
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Event | _Answer] = deque()
        """Begins with an event, if there is anything."""

    def data_received(self, data: bytes) -> None:
        for body in self._reader.feed(data):
            if isinstance(body, OversizeFrame):
                _logger.error("a worker's message of %d bytes is too large and was skipped", body.size_bytes)
            elif (message := self._on_frame(body)) is not None:
                self._take(message)

    def _take(self, message: _Event | _Answer) -> None:
        if self._waiting:
            self._waiting.append(message)
        elif isinstance(message, _Event):
            self._waiting.append(message)
            self._deliver_after(_EVENT_DELAY_TURNS)
        else:
            self._on_answer(message)

    def _deliver_after(self, turns: int) -> None:
        if turns:
            self._loop.call_soon(self._deliver_after, turns - 1)
            return
        try:
            while self._waiting and isinstance(message := self._waiting[0], _Event):
                self._waiting.popleft()
                self._on_event(message)
            while self._waiting and not isinstance(message := self._waiting[0], _Event):
                self._waiting.popleft()
                self._on_answer(message)
        finally:  # one that could not be handled must not hold up those behind it
            if self._waiting:
                self._deliver_after(_EVENT_DELAY_TURNS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_lost()


def _settle(future: asyncio.Future[Any], command: Command[Any, Any], message: Accepted | Refused) -> None:
    if isinstance(message, Refused):
        error = TypeError if message.error == "TypeError" else RequestError
        future.set_exception(error(message.reason))
        return
    try:
        future.set_result(decode_response(command, message.data))
    except ParseError as error:
        future.set_exception(TypeError(f"{error} [method:{command.name}]"))


def _framed(body: bytes) -> bytes:
    try:
        return frame(body)
    except ValueError as error:
        raise RequestError(str(error)) from error
