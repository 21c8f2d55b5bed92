"""The exchange of messages over one transport: requests that wait for their answers, the outgoing queue, both ways."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from miso.protoo.errors import MalformedMessageError, RequestError, RequestTimeoutError, TransportClosedError
from miso.protoo.incoming_request import IncomingRequest
from miso.protoo.log_rate_limit import LogRateLimit
from miso.protoo.message import (
    ErrorResponse,
    Message,
    Notification,
    Request,
    SuccessResponse,
    encode,
    parse,
    random_id,
)
from miso.protoo.send_queues import QueueLimits, SendQueue, SendQueues
from miso.protoo.transport import Transport

logger = logging.getLogger(__name__)

SERVER_TIMEOUT_BASE_MS = 2000.0
CLIENT_TIMEOUT_BASE_MS = 1500.0
TOO_SLOW = 1008
"""Close code (policy violation) for who lets our messages pile up; a client connects again after it."""
CLOSE_TIMEOUT_S = 5.0
BAD_REQUEST = 400
_MAX_REASON_LENGTH = 200
_TURNS = 10  # of one wait for an answer

MALFORMED = LogRateLimit(logger, "dropped what is no protoo message", logging.INFO)
"""Frames that no protoo message came in."""
TOO_SLOW_READERS = LogRateLimit(logger, "a reader is too slow, closing")
"""Connections that were closed because too much waited for them."""


def default_timeout_ms(base_ms: float, pending: int) -> float:
    """How long a request waits for its answer when the caller does not say: longer while others wait too.

    Args:
        base_ms: 2000 on the server, 1500 on the client, which makes 30 s and 22.5 s for a lone request.
        pending: Requests that wait already.
    """
    return base_ms * (15 + 0.1 * pending)


@dataclass(frozen=True, slots=True)
class ExchangeListener:
    """Who hears what comes. ``on_close`` is called once, with close code and reason, and nothing after it."""

    on_request: Callable[[IncomingRequest], object]
    on_notification: Callable[[Notification], object]
    on_close: Callable[[int, str], object]


class MessageExchange:
    """Sends and receives messages over a transport until either side closes it.

    Whatever the other side sends, only the transport itself can end the connection: frames that are no protoo messages
    are counted and dropped, and a request of which a part is wrong is rejected with 400.

    Attributes:
        closed: Whether either side has closed.
    """

    def __init__(
        self,
        transport: Transport,
        listener: ExchangeListener,
        *,
        timeout_base_ms: float = SERVER_TIMEOUT_BASE_MS,
        limits: QueueLimits | None = None,
        queues: SendQueues | None = None,
    ) -> None:
        self._transport = transport
        self._listener = listener
        self._timeout_base_ms = timeout_base_ms
        self._queue = (queues or SendQueues()).open(limits or QueueLimits(), self._on_overflow)
        self._pending: dict[int | float, asyncio.Future[object]] = {}
        self._outgoing: deque[bytes] = deque()
        self._outgoing_bytes = 0
        self._wake = asyncio.Event()
        self.closed = False
        self._overflowed = False
        self._reader = asyncio.create_task(self._read())
        self._writer = asyncio.create_task(self._write())
        self._closing: asyncio.Task[None] | None = None

    async def request(self, method: str, data: object = None, *, timeout_ms: float | None = None) -> object:
        """Sends a request and waits for its answer.

        Args:
            method: The request's name.
            data: Its data, anything JSON can say.
            timeout_ms: How long to wait; None for :func:`default_timeout_ms`.

        Returns:
            The answer's data.

        Raises:
            RequestError: The other side rejected it.
            RequestTimeoutError: No answer came in time. One that comes later is ignored.
            TransportClosedError: The connection is closed, or was closed before the answer came.
        """
        if self.closed:
            raise TransportClosedError
        if timeout_ms is None:
            timeout_ms = default_timeout_ms(self._timeout_base_ms, len(self._pending))
        request_id = random_id()
        while request_id in self._pending:
            request_id = random_id()
        text = encode(Request(request_id, method, data))
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._pending[request_id] = answer
        try:
            self._enqueue(text)
            if await _comes(answer, timeout_ms / 1000):
                return answer.result()
        finally:
            self._pending.pop(request_id, None)
            if not answer.cancel() and not answer.cancelled():
                answer.exception()  # it was looked at, though this request was given up in the same turn
        raise RequestTimeoutError(method)

    def notify(self, method: str, data: object = None) -> None:
        """Queues a notification.

        Raises:
            TransportClosedError: The connection is closed.
        """
        self.send(encode(Notification(method, data)))

    def send(self, frame: bytes) -> None:
        """Queues an encoded message, such as one that goes to many: it is kept once for all of them.

        Raises:
            TransportClosedError: The connection is closed.
        """
        if self.closed:
            raise TransportClosedError
        self._enqueue(frame)

    def close(self, code: int, reason: str) -> None:
        """Closes: what was queued is still sent, requests that wait are rejected. Does nothing the second time."""
        if self._end(code, reason, "peer closed"):
            self._closing = asyncio.create_task(self._shut(code, reason))

    async def wait_closed(self) -> None:
        """Returns when the transport is closed and both tasks have ended."""
        await asyncio.wait({self._reader})
        if self._closing is not None:
            await asyncio.wait({self._closing})
        await asyncio.wait({self._writer})

    def _end(self, code: int, reason: str, text: str) -> bool:
        if self.closed:
            return False
        self.closed = True
        self._wake.set()
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(TransportClosedError(text, code=code, reason=reason))
        self._pending.clear()
        self._listener.on_close(code, reason)
        return True

    async def _shut(self, code: int, reason: str) -> None:
        """Lets the writer finish, closes the transport, and ends the tasks."""
        await asyncio.wait({self._writer}, timeout=CLOSE_TIMEOUT_S)
        self._writer.cancel()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._transport.close(code, reason)
        except TimeoutError:
            logger.debug("closing handshake timed out: remote=%s", self._transport.remote_address)
        self._reader.cancel()

    def _enqueue(self, text: bytes) -> None:
        if self._overflowed:
            return
        self._outgoing.append(text)
        self._outgoing_bytes += len(text)
        self._wake.set()
        self._count_waiting()

    def _count_waiting(self) -> None:
        if not self._queue.closed:
            self._queue.waits(len(self._outgoing), self._outgoing_bytes + self._transport.unsent_bytes)

    def _on_overflow(self, queue: SendQueue) -> None:
        TOO_SLOW_READERS.count(f"remote={self._transport.remote_address} messages={queue.messages} bytes={queue.bytes}")
        self._overflowed = True
        self._outgoing.clear()
        self._outgoing_bytes = 0
        queue.close()
        # not from within notify(): who calls it may be walking over the peers of a room
        asyncio.get_running_loop().call_soon(self.close, TOO_SLOW, "reading too slowly")

    async def _write(self) -> None:
        try:
            await self._write_all()
        except TransportClosedError:
            pass  # the reader reports it
        finally:
            self._outgoing.clear()
            self._queue.close()

    async def _write_all(self) -> None:
        while True:
            while self._outgoing:
                text = self._outgoing.popleft()
                await self._transport.send(text)
                if not self._overflowed:  # until then it was still ours to count
                    self._outgoing_bytes -= len(text)
            if self.closed:
                return
            self._count_waiting()
            self._wake.clear()
            await self._wake.wait()

    async def _read(self) -> None:
        while True:
            try:
                frame = await self._transport.receive()
            except TransportClosedError as closed:
                self._end(closed.code, closed.reason, "transport closed")
                return
            if self.closed:
                continue  # waiting for the other side's close frame
            if isinstance(frame, bytes):
                MALFORMED.count(f"remote={self._transport.remote_address}: binary frame")
                continue
            try:
                message = parse(frame)
            except MalformedMessageError as error:
                MALFORMED.count(f"remote={self._transport.remote_address}: {str(error)[:_MAX_REASON_LENGTH]}")
                if error.request_id is not None:
                    self._respond(ErrorResponse(error.request_id, BAD_REQUEST, str(error)[:_MAX_REASON_LENGTH]))
            else:
                self._dispatch(message)
            # much may have arrived at once: who sends a lot does not keep the others waiting
            await asyncio.sleep(0)

    def _dispatch(self, message: Message) -> None:
        match message:
            case Request():
                self._listener.on_request(IncomingRequest(message, self._respond))
            case Notification():
                self._listener.on_notification(message)
            case SuccessResponse(id, data):
                if (answer := self._answer_of(id)) is not None:
                    answer.set_result(data)
            case ErrorResponse(id, code, reason):
                if (answer := self._answer_of(id)) is not None:
                    answer.set_exception(RequestError(code, reason))

    def _answer_of(self, request_id: int | float) -> asyncio.Future[object] | None:
        answer = self._pending.get(request_id)  # 5.0 finds 5, as in JavaScript
        if answer is None or answer.done():
            logger.debug("response matches no request: remote=%s id=%s", self._transport.remote_address, request_id)
            return None
        return answer

    def _respond(self, response: SuccessResponse | ErrorResponse) -> None:
        text = encode(response)
        if not self.closed:
            self._enqueue(text)


async def _comes(answer: asyncio.Future[object], timeout_s: float) -> bool:
    """Waits in turns: however long this process was stopped, it is one turn, and what came meanwhile is read then."""
    for _ in range(_TURNS):
        done, _ = await asyncio.wait({answer}, timeout=timeout_s / _TURNS)
        if done:
            return True
    return False
