"""A connection that has been taken over from HTTP: little is kept of it, since there may be thousands for hours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class TakenConnection(asyncio.Protocol):
    """Tells its taker of everything that happens, and counts as a connection of the server until it is lost.

    Args:
        taker: Whose it is.
        transport: The connection.
        connections: Those of the server, which has uvicorn's protocols there and ends each by its ``shutdown``.
        give_back: Called when the connection is gone.
    """

    __slots__ = ("_connections", "_give_back", "_taker", "_transport")

    def __init__(
        self,
        taker: asyncio.Protocol,
        transport: asyncio.Transport,
        connections: set[Any],
        give_back: Callable[[], None] | None,
    ) -> None:
        self._taker = taker
        self._transport = transport
        self._connections = connections
        self._give_back = give_back
        connections.add(self)

    def shutdown(self) -> None:
        """The server ends."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Something has come."""
        self._taker.data_received(data)

    def eof_received(self) -> bool | None:
        """Nothing more comes: the connection is closed, unless its taker goes on to write."""
        return self._taker.eof_received()

    def pause_writing(self) -> None:
        """More waits to be sent than should."""
        self._taker.pause_writing()

    def resume_writing(self) -> None:
        """It is on its way."""
        self._taker.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._connections.discard(self)
        if self._give_back is not None:
            self._give_back()
            self._give_back = None
        self._taker.connection_lost(exc)
