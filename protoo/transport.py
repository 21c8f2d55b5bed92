"""What protoo asks of a connection, and the one over ``websockets``; :mod:`miso.protoo.asgi` has the other."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from websockets.asyncio.connection import Connection as WebSocketConnection
from websockets.exceptions import ConnectionClosed

from miso.protoo.errors import TransportClosedError

SUBPROTOCOL = "protoo"
MAX_MESSAGE_SIZE_BYTES = 960_000
"""A longer message ends the connection with close code 1009 (RFC 6455 section 7.4.1)."""
CLOSED_BY_SERVER = 4000
"""Close code after which a client does not connect again."""
CLOSED_BY_SERVER_REASON = "closed by protoo-server"


class Transport(Protocol):
    """One WebSocket connection that has agreed on the subprotocol ``protoo``."""

    @property
    def remote_address(self) -> str:
        """``ip:port`` of the other side, for logs; empty when unknown."""

    async def receive(self) -> str | bytes:
        """The next message: str for a text frame, bytes for a binary one.

        Raises:
            TransportClosedError: The connection is closed, with its code and reason.
        """

    @property
    def unsent_bytes(self) -> int:
        """How much of what was sent has not even reached the kernel."""

    async def send(self, text: bytes) -> None:
        """Sends a text frame of this UTF-8, and waits while the other side reads too slowly.

        Raises:
            TransportClosedError: The connection is closed.
        """

    async def close(self, code: int, reason: str) -> None:
        """Closes with the WebSocket closing handshake. Does nothing when already closed."""


class WebSocketTransport:
    """A transport over a connection of ``websockets``, server or client."""

    def __init__(self, connection: WebSocketConnection, remote_address: str = "") -> None:
        self._connection = connection
        self.remote_address: Final = remote_address

    def __str__(self) -> str:
        return f"WebSocketTransport({self.remote_address})"

    async def receive(self) -> str | bytes:
        """See :meth:`Transport.receive`."""
        # recv() would keep every fragment of a message until the last one has come, even those without content
        fragments: list[str | bytes] = []
        try:
            async for fragment in self._connection.recv_streaming():
                if fragment or not fragments:
                    fragments.append(fragment)
        except ConnectionClosed as closed:
            raise _closed(closed) from None
        text = [fragment for fragment in fragments if isinstance(fragment, str)]
        return "".join(text) if text else b"".join(fragment for fragment in fragments if isinstance(fragment, bytes))

    @property
    def unsent_bytes(self) -> int:
        """See :meth:`Transport.unsent_bytes`."""
        return self._connection.transport.get_write_buffer_size()

    async def send(self, text: bytes) -> None:
        """See :meth:`Transport.send`."""
        try:
            await self._connection.send(text, text=True)
        except ConnectionClosed as closed:
            raise _closed(closed) from None

    async def close(self, code: int = CLOSED_BY_SERVER, reason: str = CLOSED_BY_SERVER_REASON) -> None:
        """See :meth:`Transport.close`."""
        await self._connection.close(code, reason)

    async def wait_closed(self) -> None:
        """Returns when the connection is closed."""
        await asyncio.shield(self._connection.wait_closed())


def _closed(closed: ConnectionClosed) -> TransportClosedError:
    frame = closed.rcvd or closed.sent
    if frame is None:
        return TransportClosedError()
    return TransportClosedError(code=frame.code, reason=frame.reason)
