"""protoo beside HTTP: a WebSocket endpoint for Starlette.

::

    async def endpoint(websocket: WebSocket) -> None:
        await serve(websocket, handler)

    app = Starlette(routes=[WebSocketRoute("/", endpoint)])
    uvicorn.Config(app, **UVICORN_OPTIONS)

Run under uvicorn with :data:`UVICORN_OPTIONS`: its sans-I/O WebSocket implementation can reject with headers, and
closes with the code it is given.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio.transports import BaseTransport
from typing import Any, ClassVar, Final, cast
from urllib.parse import quote

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request
from websockets.protocol import State

from miso.protoo.errors import TransportClosedError
from miso.protoo.handshake import MISSING_SUBPROTOCOL, ConnectionHandler, ConnectionRequest, Rejection, joined_headers
from miso.protoo.pacing.frames import FrameLimits
from miso.protoo.pacing.paced_transport import REFUSED, PacedTransport
from miso.protoo.transport import MAX_MESSAGE_SIZE_BYTES, SUBPROTOCOL

logger = logging.getLogger(__name__)

_PACED = "protoo"
"""Our entry among the scope's extensions."""


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """Uvicorn's sans-I/O WebSocket, without what lets a client fill memory, hold up others or stay for ever."""

    LIMITS: ClassVar[FrameLimits] = FrameLimits()
    """What a client may send."""

    _paced: PacedTransport

    def connection_made(self, transport: BaseTransport) -> None:
        """Takes the connection, right before the handshake's request."""
        self._paced = PacedTransport(
            cast(asyncio.Transport, transport),
            take=super().data_received,
            refuse=self._refuse,
            limits=self.LIMITS,
            behind_head=False,
        )
        super().connection_made(self._paced)

    def data_received(self, data: bytes) -> None:
        """Takes data. A handshake that cannot be read, such as one with a very long path, would go unanswered."""
        if self.handshake_initiated:
            self._paced.received(data)
            return
        super().data_received(data)
        if not self.handshake_initiated and self.conn.handshake_exc is not None and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends it."""
        self._paced.lost()
        super().connection_lost(exc)

    def handle_connect(self, event: Request) -> None:
        """Lets :func:`serve` see how much waits to be sent."""
        super().handle_connect(event)
        if self.response.status_code == 101:  # the application begins later
            self.scope["extensions"][_PACED] = {"transport": self._paced}

    def handle_ping(self) -> None:
        """Answers, unless the client does not read: answers to it would pile up."""
        pong = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(pong)

    def handle_cont(self, event: Frame) -> None:
        """Takes a fragment; those without content are not kept."""
        if event.data or event.fin:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """Passes a message on. One that is no UTF-8 ends the connection (RFC 6455 section 8.1)."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self._fail(CloseCode.INVALID_DATA, "no UTF-8")
                return
        super().send_receive_event_to_app()

    def _refuse(self, reason: str) -> None:
        REFUSED.count(f"remote={self.client[0] if self.client else ''}: {reason}")
        self._fail(CloseCode.POLICY_VIOLATION, reason)

    def _fail(self, code: CloseCode, reason: str) -> None:
        if self.conn.state is not State.OPEN or self.close_sent:
            self.transport.close()
            return
        self.conn.fail(code, reason)
        self.handle_parser_exception()


UVICORN_OPTIONS: Final[dict[str, Any]] = {
    "ws": BoundedWebSocket,
    "ws_max_size": MAX_MESSAGE_SIZE_BYTES,
    "ws_ping_interval": 60.0,
    "ws_ping_timeout": 10.0,
    "ws_per_message_deflate": False,
}
"""How to configure uvicorn for protoo."""


async def serve(websocket: WebSocket, handler: ConnectionHandler) -> None:
    """Serves one client, from its handshake until its connection is closed."""
    if SUBPROTOCOL not in websocket.scope["subprotocols"]:
        await deny(websocket, MISSING_SUBPROTOCOL)
        return
    client = websocket.client
    query = websocket.scope["query_string"].decode("latin-1")
    request = ConnectionRequest(
        quote(websocket.scope["path"]) + (f"?{query}" if query else ""),
        joined_headers(websocket.headers.items()),
        f"{client.host}:{client.port}" if client else "",
        secure=websocket.scope["scheme"] == "wss",
    )
    rejection = await request.decide(handler)
    if rejection is not None:
        logger.debug("rejected: remote=%s status=%d: %s", request.remote_address, rejection.status, rejection.reason)
        await deny(websocket, rejection)
        return
    transport = AsgiTransport(websocket, request.remote_address)
    try:
        await websocket.accept(SUBPROTOCOL)
    except (WebSocketDisconnect, OSError):
        request.gone()
        return
    request.opened(transport)
    try:
        await transport.wait_closed()
    finally:
        transport.abandon()


class AsgiTransport:
    """A transport over a WebSocket of Starlette; see :class:`miso.protoo.transport.Transport`."""

    def __init__(self, websocket: WebSocket, remote_address: str) -> None:
        self._websocket = websocket
        self.remote_address: Final = remote_address
        self._closed = asyncio.Event()
        self._reason: TransportClosedError | None = None

    def __str__(self) -> str:
        return f"AsgiTransport({self.remote_address})"

    async def receive(self) -> str | bytes:
        """See :meth:`miso.protoo.transport.Transport.receive`."""
        if self._reason is not None:
            raise self._reason
        message = await self._websocket.receive()
        if message["type"] == "websocket.receive":
            text: str | None = message.get("text")
            return text if text is not None else message.get("bytes", b"")
        raise self._close(message.get("code") or CloseCode.ABNORMAL_CLOSURE, message.get("reason") or "")

    @property
    def unsent_bytes(self) -> int:
        """See :meth:`miso.protoo.transport.Transport.unsent_bytes`; 0 under another server than ours."""
        paced = self._websocket.scope.get("extensions", {}).get(_PACED)
        size_bytes: int = paced["transport"].get_write_buffer_size() if paced is not None else 0
        return size_bytes

    async def send(self, text: bytes) -> None:
        """See :meth:`miso.protoo.transport.Transport.send`."""
        if self._reason is not None:
            raise self._reason
        try:
            await self._websocket.send_text(text.decode())
        except (WebSocketDisconnect, RuntimeError) as error:
            # RuntimeError is Starlette's and uvicorn's "already closed"
            raise TransportClosedError() from error

    async def close(self, code: int, reason: str) -> None:
        """See :meth:`miso.protoo.transport.Transport.close`."""
        if self._reason is not None:
            return
        try:
            if self._websocket.application_state is WebSocketState.CONNECTED:
                await self._websocket.close(code, reason)
        except (WebSocketDisconnect, RuntimeError):
            logger.debug("closed meanwhile: remote=%s", self.remote_address)
        finally:
            self._close(code, reason)

    async def wait_closed(self) -> None:
        """Returns when either side has closed: then the endpoint may return to its server."""
        await self._closed.wait()

    def abandon(self) -> None:
        """The server gives up (its endpoint was cancelled): nothing is sent or received any more."""
        self._close(CloseCode.ABNORMAL_CLOSURE, "")

    def _close(self, code: int, reason: str) -> TransportClosedError:
        if self._reason is None:
            self._reason = TransportClosedError(code=code, reason=reason)
            self._closed.set()
        return self._reason


async def deny(websocket: WebSocket, rejection: Rejection) -> None:
    """Turns a client away, before :func:`serve`."""
    await websocket.send_denial_response(Response(status_code=rejection.status, headers=rejection.headers()))
