"""HTTP that does not wait for ever: neither for a request nor for who does not read the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import ClassVar

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from miso.protoo import RequestError
from miso.protoo.log_rate_limit import LogRateLimit
from miso.protoo.pacing.turns import turns_of
from miso.serving.security_headers import SECURITY_HEADERS
from miso.serving.taken_connection import TakenConnection

INVALID_HTTP = "Invalid HTTP request received."
"""What uvicorn says of it."""
TAKEOVER = "miso.takeover"
"""The extension of ASGI's scope with :meth:`HttpWithTimeouts.take_over` of the request's connection."""
_MALFORMED = LogRateLimit(logging.getLogger(__name__), "invalid HTTP")
_SLICE_BYTES = 64
"""So much of a request is taken for what a WebSocket frame costs: a body may come in chunks of one byte."""


def _answer(status: str, text: str = "") -> bytes:
    headers = {"Connection": "close", "Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(text))}
    lines = [f"{name}: {value}\r\n" for name, value in (headers | SECURITY_HEADERS).items()]
    return f"HTTP/1.1 {status}\r\n{''.join(lines)}\r\n{text}".encode()


_TOO_MANY = _answer("429 Too Many Requests")


class HttpWithTimeouts(H11Protocol):
    """Uvicorn's HTTP/1.1, for connections that have to get on.

    A connection is cut when it has neither had a whole answer nor become a WebSocket within ``LIMIT_S``, be it silent,
    or sending a byte now and then, or not reading: it would be kept for ever otherwise.
    """

    LIMIT_S: ClassVar[float] = 120.0
    """Long enough for the page over a slow line."""

    admitted: Callable[[], None] | None = None
    """Given by who has asked the limits for this connection already; called when the connection is gone."""

    _data = b""
    _in_circle = False
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
        self.app = _with_takeover(self.app, self.take_over, self._cut)
        try:
            self._give_back = self.admitted or self.admit((transport.get_extra_info("peername") or ("",))[0])
        except RequestError:
            transport.write(_TOO_MANY)
            transport.close()
            return
        self._wait()

    def take_over(self, taker: asyncio.Protocol) -> asyncio.Transport:
        """Gives the connection of the current request away: its answer, and all that comes and goes from now on.

        Requests find this as ``scope["extensions"]["miso.takeover"]``. What has come behind the request is dropped.

        Args:
            taker: Is told of whatever happens to the connection, from the next event on; not of its being made.

        Returns:
            The connection. Nothing of an answer has been written.

        Raises:
            RuntimeError: The answer has begun, or the connection is gone.
        """
        cycle, transport = self.cycle, self.transport
        is_taken = transport.get_protocol() is not self
        if is_taken or cycle is None or cycle.response_started or transport.is_closing():
            raise RuntimeError("the connection is not to be had any more")
        self._stop_waiting()
        self._unset_keepalive_if_required()
        self._data = b""
        cycle.disconnected = True  # for uvicorn: nobody waits for an answer of the application
        self.connections.discard(self)
        give_back, self._give_back = self._give_back, None
        transport.set_protocol(TakenConnection(taker, transport, self.connections, give_back))
        self.flow.resume_reading()  # a request behind this one may have stopped it: the end would not be noticed
        del self.app  # it leads back here: with its headers all this would wait for the collector
        return transport

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hands the connection over: WebSockets have rules of their own, and are counted as peers."""
        self._stop_waiting()
        self._leave()
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """Refuses what is no HTTP, and says so at most once a second."""
        _MALFORMED.count(f"remote={self.client[0] if self.client else ''}")
        self.transport.write(_answer("400 Bad Request", msg))
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Takes data, a little in each turn."""
        self._data += data
        if not self._in_circle:
            turns_of(self.loop).serve(self)
            self._in_circle = self.waiting
        if self._in_circle:
            self.transport.pause_reading()

    @property
    def waiting(self) -> bool:
        """Whether there is more to take."""
        return bool(self._data) and not self.transport.is_closing()

    def work(self, frames: int) -> int:
        """For :class:`miso.protoo.pacing.turns.Turns`."""
        size = frames * _SLICE_BYTES
        now, self._data = self._data[:size], self._data[size:]
        protocol = self.transport.get_protocol()
        if protocol is self:
            super().data_received(now)
        elif now and isinstance(protocol, asyncio.Protocol):  # it has become a WebSocket meanwhile
            protocol.data_received(now)
        if self._in_circle and not self._data and not self.transport.is_closing() and not self._has_enough:
            self.transport.resume_reading()
        self._in_circle = self.waiting
        return max(1, len(now) // _SLICE_BYTES)

    @property
    def _has_enough(self) -> bool:
        """Whether so much of a request's body waits for the application that uvicorn has stopped to read."""
        return self.transport.get_protocol() is self and self.flow.read_paused

    def on_response_complete(self) -> None:
        """Begins to wait anew."""
        self._wait()  # first: the next request may be here already, and make it a WebSocket
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the waiting."""
        self._stop_waiting()
        self._leave()
        super().connection_lost(exc)

    def _cut(self) -> None:
        self.cycle.disconnected = True  # for uvicorn: nobody waits for an answer
        self.transport.abort()

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


def _with_takeover(
    app: ASGIApp, take_over: Callable[[asyncio.Protocol], asyncio.Transport], cut: Callable[[], None]
) -> ASGIApp:
    """The application, whose requests can have the connection. One that is cut short by the server's end is cut off."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app({**scope, "extensions": {**scope.get("extensions", {}), TAKEOVER: take_over}}, receive, send)
        except asyncio.CancelledError:  # only uvicorn does it, and would tell of it as an error of the application
            cut()

    return run
