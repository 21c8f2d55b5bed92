"""A protoo client that connects again by itself."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidMessage, WebSocketException
from websockets.typing import Origin, Subprotocol

from miso.protoo.emitter import ProtooEmitter
from miso.protoo.errors import TransportClosedError
from miso.protoo.message_exchange import CLIENT_TIMEOUT_BASE_MS, ExchangeListener, MessageExchange
from miso.protoo.pacing.frames import FrameLimits
from miso.protoo.pacing.paced_connection import client_connection
from miso.protoo.send_queues import QueueLimits
from miso.protoo.transport import CLOSED_BY_SERVER, MAX_MESSAGE_SIZE_BYTES, SUBPROTOCOL, WebSocketTransport

logger = logging.getLogger(__name__)

NORMAL_CLOSURE = 1000
SERVER_SENDS = FrameLimits(per_s=10_000.0, burst=100_000.0)
"""What a server may send: it speaks for everybody in a room."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often, and after what time, an attempt that failed is repeated."""

    retries: int = 10
    factor: float = 2.0
    min_delay_s: float = 1.0
    max_delay_s: float = 8.0

    def delay_s(self, attempt: int) -> float:
        """The time to wait after the attempt of that number, counted from 1, has failed."""
        # 2.0 ** 1024 overflows: the exponent stops where any factor has long reached the maximum
        return min(self.min_delay_s * self.factor ** min(attempt - 1, 64), self.max_delay_s)


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How a client connects.

    Attributes:
        headers: HTTP headers added to the handshake.
        origin: The ``Origin`` header.
        tls: For ``wss`` URLs, None for the system's trust store.
        proxy: URL of an HTTP or SOCKS proxy; True takes the one of the environment, None none.
        retry: See :class:`Retry`.
        open_timeout_s: Time for one attempt.
        limits: See :class:`protoo.QueueLimits`.
        frame_limits: What the server may send before we close with 1008.
    """

    headers: Mapping[str, str] | None = None
    origin: str | None = None
    tls: ssl.SSLContext | None = None
    proxy: str | bool | None = True
    retry: Retry = Retry()
    open_timeout_s: float = 10.0
    limits: QueueLimits | None = None
    frame_limits: FrameLimits = SERVER_SENDS


class ClientPeer(ProtooEmitter):
    """A client of a protoo server.

    After a connection is lost the application must build everything anew: protoo resumes nothing.

    Events:
        open (): Connected, the first time or again.
        failed (attempt: int): An attempt to connect failed; counted from 1 since the last connection.
        disconnected (): The connection was lost; a new attempt starts at once.
        close (): It is over: :meth:`close` was called, the server closed with code 4000, or the retries are used up.
        request (IncomingRequest), notification (Notification): as of :class:`miso.protoo.peer.Peer`.

    Attributes:
        closed: Whether it is over for good.
    """

    def __init__(self, url: str, options: ClientOptions | None = None) -> None:
        super().__init__()
        self._url = url
        self._options = options or ClientOptions()
        self._exchange: MessageExchange | None = None
        self.closed = False
        self._task: asyncio.Task[None] | None = None
        self._first: asyncio.Future[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether there is a connection at this moment."""
        return self._exchange is not None and not self._exchange.closed

    async def open(self) -> None:
        """Connects, with retries, and goes on connecting again until it is over.

        Raises:
            TransportClosedError: It was over before there was a connection.
            ValueError: The URL or the proxy's makes no sense.
        """
        if self._task is None:
            self._first = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._run())
        assert self._first is not None
        await asyncio.shield(self._first)

    async def request(self, method: str, data: object = None, *, timeout_ms: float | None = None) -> object:
        """Sends a request and waits for its answer.

        Raises:
            RequestError: The server rejected it.
            RequestTimeoutError: No answer came in time, by default 22.5 s.
            TransportClosedError: There is no connection, or it was lost meanwhile.
        """
        if self._exchange is None:
            raise TransportClosedError
        return await self._exchange.request(method, data, timeout_ms=timeout_ms)

    def notify(self, method: str, data: object = None) -> None:
        """Sends a notification.

        Raises:
            TransportClosedError: There is no connection.
        """
        if self._exchange is None:
            raise TransportClosedError
        self._exchange.notify(method, data)

    async def close(self) -> None:
        """Closes with code 1000, emits ``close``, and returns when the connection is closed on the wire."""
        exchange = self._exchange
        self._over()
        if exchange is not None:
            exchange.close(NORMAL_CLOSURE, "")
            await exchange.wait_closed()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _over(self, error: Exception | None = None) -> None:
        if self.closed:
            return
        self.closed = True
        if self._first is not None and not self._first.done():
            self._first.set_exception(error or TransportClosedError())
            self._first.exception()  # who called open() may have gone
        self.emit("close")

    async def _run(self) -> None:
        try:
            await self._stay_connected()
        except (ValueError, WebSocketException) as error:
            # no attempt could succeed; of a redirect we hear only here
            logger.warning("giving up: url=%s: %s", self._url, error)
            self._over(ValueError(f"cannot connect to {self._url}: {error}"))
        finally:
            self._over()

    async def _stay_connected(self) -> None:
        attempt = 0
        while not self.closed:
            attempt += 1
            try:
                transport = await self._connect()
            except (OSError, InvalidHandshake, InvalidMessage, EOFError) as error:
                logger.debug("attempt %d failed: url=%s: %s", attempt, self._url, error)
                self.emit("failed", attempt)
                if attempt > self._options.retry.retries:
                    break
                await asyncio.sleep(self._options.retry.delay_s(attempt))
                continue
            code = await self._converse(transport)
            if self.closed or code == CLOSED_BY_SERVER:
                break
            attempt = 0
            self.emit("disconnected")

    async def _connect(self) -> WebSocketTransport:
        options = self._options
        tls = options.tls or (True if self._url.startswith("wss:") else None)
        connection = await connect(
            self._url,
            origin=Origin(options.origin) if options.origin is not None else None,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            compression=None,
            additional_headers=options.headers,
            proxy=(True if options.proxy is True else options.proxy or None),
            open_timeout=options.open_timeout_s,
            close_timeout=5,
            max_size=MAX_MESSAGE_SIZE_BYTES,
            ssl=tls,
            create_connection=client_connection(options.frame_limits),
        )
        return WebSocketTransport(connection, self._url)

    async def _converse(self, transport: WebSocketTransport) -> int:
        """One connection, from open to close; returns its close code."""
        over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        exchange = MessageExchange(
            transport,
            ExchangeListener(
                self._emit_request, partial(self.emit, "notification"), lambda code, reason: over.set_result(code)
            ),
            timeout_base_ms=CLIENT_TIMEOUT_BASE_MS,
            limits=self._options.limits,
        )
        self._exchange = exchange
        if self._first is not None and not self._first.done():
            self._first.set_result(None)
        self.emit("open")
        code = await over
        await exchange.wait_closed()
        return code
