"""The way to a worker: requests and their answers, events, and the messages of direct transports.

Everything is said in the 3.10 dialect. What the worker says arrives on two pipes, answers and events on one, payloads
on the other; no order is promised between them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar, cast

from miso.controller.errors import InvalidStateError, RequestError
from miso.controller.process.closing_commands import undoing
from miso.controller.process.pipe import Answer, Event, Pipe
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
from miso.worker.channel.framing import frame
from miso.worker.errors import ParseError

_logger = logging.getLogger(__name__)
_worker_logger = logging.getLogger("miso.controller.worker.log")

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")
Listener = Callable[[str, object, "bytes | None"], None]
"""Takes an event's name, its raw body, and its payload (None on the channel without payloads)."""

_MAX_UNSENT_BYTES = 64 * 1024 * 1024
"""Of payloads without an answer: beyond it a worker that does not read would fill our memory."""

_LOG_LEVELS = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.WARN: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
    LogLevel.DUMP: logging.INFO,
}


class Channel:
    """Both pipes to one worker.

    Attributes:
        closed: Whether nothing can be said any more.
    """

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
        """By id, the requests without an answer yet; None: nobody waits for that."""
        self._listeners: dict[str, Listener] = {}
        """By the id of the object whose events they take."""
        self._requests: asyncio.WriteTransport | None = None
        self._payload_out: asyncio.WriteTransport | None = None
        self._transports: list[asyncio.Transport] = []
        self._payload_header: Notification | None = None
        """What the next frame on the payload channel belongs to."""
        self.closed = False

    async def connect(self, sockets: ChannelSockets) -> None:
        """Takes the pipes over; closes them if it does not come to that."""
        readers = (self._ignore, self._on_frame, self._ignore, self._on_payload_frame)
        try:
            for sock, on_frame in zip(sockets, readers, strict=True):
                transport, _ = await self._loop.create_unix_connection(
                    partial(Pipe, on_frame, self._emit, self._on_answer, self._lost), sock=sock
                )
                self._transports.append(transport)
        except BaseException:
            for sock in sockets[len(self._transports) :]:
                sock.close()
            raise
        self._requests, self._payload_out = self._transports[0], self._transports[2]

    def close(self) -> None:
        """Closes both pipes; what was asked and not answered fails."""
        if self.closed:
            return
        self.closed = True
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
        if not self.closed:
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
        if self.closed or transport is None:
            raise InvalidStateError("Channel closed")
        transport.write(b"".join(frames))

    def _ignore(self, body: bytes) -> None:
        """Workers say nothing on the pipes that they are to read from."""

    def _on_frame(self, body: bytes) -> Event | Answer | None:
        message = self._parse(body)
        return Event(message) if isinstance(message, Notification) else message

    def _on_payload_frame(self, body: bytes) -> Event | Answer | None:
        header, self._payload_header = self._payload_header, None
        if header is not None:
            return Event(header, body)
        message = self._parse(body)
        if isinstance(message, Notification):
            self._payload_header = message
            return None
        return message

    def _parse(self, body: bytes) -> Notification | Answer | None:
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

    def _on_answer(self, message: Answer) -> None:
        command, future = self._pending.pop(message.id, (None, None))
        if command is None:
            if not self.closed:
                _logger.error("worker=%d answers a request that was not made: id=%d", self._pid, message.id)
        elif future is None:
            if isinstance(message, Refused):
                _logger.debug("worker=%d refuses %s: %s", self._pid, command.name, message.reason)
        elif not future.done():
            _settle(future, command, message)

    def _emit(self, event: Event) -> None:
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
        if not self.closed:
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
