"""HTTP that does not wait for ever: neither for a request nor for who does not read the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from protoo import RequestError

_TOO_MANY = b"HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class ImpatientHttp(H11Protocol):
    """Uvicorn's HTTP/1.1, for connections that have to get on.

    A connection is cut when it has neither had a whole answer nor become a WebSocket within ``LIMIT_S``, be it silent,
    or sending a byte now and then, or not reading: it would be kept for ever otherwise.
    """

    LIMIT_S: ClassVar[float] = 120.0
    """Long enough for the page over a slow line."""

    _deadline: asyncio.TimerHandle | None = None
    _give_back: Callable[[], None] | None = None

    def admit(self, host: str) -> Callable[[], None]:
        """Asks whether an address may have one more connection. The server that has limits says so in its own class.

        Returns:
            To be called when the connection is gone.

        Raises:
            RequestError: It may not.
        """
        return lambda: None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts to wait, unless the address has too many connections."""
        super().connection_made(transport)
        try:
            self._give_back = self.admit((transport.get_extra_info("peername") or ("",))[0])
        except RequestError:
            transport.write(_TOO_MANY)
            transport.close()
            return
        self._wait()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hands the connection over: WebSockets have rules of their own, and are counted as peers."""
        self._stop_waiting()
        self._leave()
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        """Begins to wait anew."""
        self._wait()  # first: the next request may be here already, and make it a WebSocket
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the waiting."""
        self._stop_waiting()
        self._leave()
        super().connection_lost(exc)

    def _leave(self) -> None:
        if self._give_back is not None:
            self._give_back()
            self._give_back = None

    def _wait(self) -> None:
        self._stop_waiting()
        if not self.transport.is_closing():
            self._deadline = self.loop.call_later(self.LIMIT_S, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
