"""A protoo server on a port of its own, over ``websockets``. :mod:`miso.protoo.asgi` serves beside HTTP instead."""

from __future__ import annotations

import asyncio
import logging
import ssl

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from miso.protoo.handshake import (
    MISSING_SUBPROTOCOL,
    OPEN_TIMEOUT_S,
    ConnectionHandler,
    ConnectionRequest,
    Rejection,
    joined_headers,
    offers_protoo,
)
from miso.protoo.log_rate_limit import LogRateLimit
from miso.protoo.pacing.frames import FrameLimits
from miso.protoo.pacing.paced_connection import server_connection
from miso.protoo.transport import MAX_MESSAGE_SIZE_BYTES, SUBPROTOCOL, WebSocketTransport

logger = logging.getLogger(__name__)

FAILED_HANDSHAKES = LogRateLimit(logger, "opening handshake failed", logging.INFO)
"""Connections that never became WebSockets, as far as ``websockets`` tells of them."""


class _NoHandshakes(logging.Filter):
    """Passes over what ``websockets`` says of each connection that is no WebSocket: strangers make many."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg != "opening handshake failed":
            return True
        FAILED_HANDSHAKES.count(str(record.exc_info[1]) if record.exc_info else "")
        return False


_connections = logging.getLogger(f"{__name__}.connections")
_connections.addFilter(_NoHandshakes())


class WebSocketServer:
    """Listens for protoo clients and asks a handler about each.

    Clients are asked for a sign of life (a WebSocket ping) every ``keepalive_interval_s`` and dropped when it does not
    come within ``keepalive_grace_s``. Who sends more frames than ``frame_limits`` allow is closed with 1008.
    """

    def __init__(
        self,
        handler: ConnectionHandler,
        *,
        keepalive_interval_s: float | None = 60.0,
        keepalive_grace_s: float | None = 10.0,
        close_timeout_s: float = 5.0,
        max_message_size_bytes: int = MAX_MESSAGE_SIZE_BYTES,
        frame_limits: FrameLimits | None = None,
    ) -> None:
        self._handler = handler
        self._keepalive_interval_s = keepalive_interval_s
        self._keepalive_grace_s = keepalive_grace_s
        self._close_timeout_s = close_timeout_s
        self._max_message_size_bytes = max_message_size_bytes
        self._frame_limits = frame_limits or FrameLimits()
        self._accepted: dict[ServerConnection, ConnectionRequest] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._server: Server | None = None

    async def listen(self, host: str | None, port: int, *, tls: ssl.SSLContext | None = None) -> int:
        """Starts to listen.

        Args:
            host: Address to bind; None for all.
            port: Port to bind; 0 for a free one.
            tls: Makes it ``wss``.

        Returns:
            The port.

        Raises:
            OSError: The address cannot be bound.
        """
        self._server = await serve(
            self._converse,
            host,
            port,
            ssl=tls,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            compression=None,
            logger=_connections,
            process_request=self._process_request,
            create_connection=server_connection(self._frame_limits),
            server_header=None,
            open_timeout=OPEN_TIMEOUT_S + 5,
            ping_interval=self._keepalive_interval_s,
            ping_timeout=self._keepalive_grace_s,
            close_timeout=self._close_timeout_s,
            max_size=self._max_message_size_bytes,
        )
        bound: int = next(iter(self._server.sockets)).getsockname()[1]
        return bound

    async def close(self) -> None:
        """Stops listening and closes what is connected with 1001 (going away)."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        for watcher in self._watchers:
            watcher.cancel()

    async def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        headers = joined_headers(request.headers.raw_items())
        offered = ",".join(request.headers.get_all("Sec-WebSocket-Protocol"))
        if not offers_protoo(offered):
            return _response(MISSING_SUBPROTOCOL)
        address = _address(connection)
        secure = connection.transport.get_extra_info("ssl_object") is not None
        connection_request = ConnectionRequest(request.path, headers, address, secure=secure)
        self._watch(connection, connection_request)
        rejection = await connection_request.decide(self._handler)
        if rejection is not None:
            logger.debug("rejected: remote=%s status=%d: %s", address, rejection.status, rejection.reason)
            return _response(rejection)
        self._accepted[connection] = connection_request
        return None

    def _watch(self, connection: ServerConnection, connection_request: ConnectionRequest) -> None:
        """Tells the request when its client goes away before the handshake is done."""

        async def watch() -> None:
            await connection.wait_closed()
            self._accepted.pop(connection, None)
            connection_request.gone()

        task = asyncio.create_task(watch())
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)

    async def _converse(self, connection: ServerConnection) -> None:
        transport = WebSocketTransport(connection, _address(connection))
        request = self._accepted.pop(connection, None)
        if request is None:  # it was cut off at this moment
            return
        request.opened(transport)
        await connection.wait_closed()


def _address(connection: ServerConnection) -> str:
    address = connection.remote_address
    return f"{address[0]}:{address[1]}" if address else ""


def _response(rejection: Rejection) -> Response:
    headers = Headers(rejection.headers())
    headers["Content-Length"] = "0"
    return Response(rejection.status, "Rejected", headers, b"")
