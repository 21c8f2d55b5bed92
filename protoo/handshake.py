"""The opening handshake as the application sees it: a client asks to come in, and is accepted or rejected."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from miso.protoo.errors import TransportClosedError
from miso.protoo.transport import SUBPROTOCOL, Transport

REJECT_REASON_HEADER = "X-WebSocket-Reject-Reason"
INTERNAL_ERROR = 1011
"""Close code of a connection whose handler failed after it had accepted (RFC 6455 section 7.4.1)."""
OPEN_TIMEOUT_S = 30.0
"""How long the application may think about a client; then it is rejected with status 503."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """An HTTP answer instead of a WebSocket: a status from 400 to 599, and a reason for the header."""

    status: int = 403
    reason: str = "Rejected"

    def headers(self) -> dict[str, str]:
        """The response's headers; characters that a header cannot carry are replaced."""
        reason = "".join(char if char.isprintable() else " " for char in self.reason)
        return {
            "Connection": "close",
            REJECT_REASON_HEADER: reason.encode("latin-1", "replace").decode("latin-1"),
        }


MISSING_SUBPROTOCOL = Rejection(403, "invalid/missing Sec-WebSocket-Protocol")


class ConnectionRequest:
    """A client's request for a connection. The first :meth:`accept` or :meth:`reject` decides.

    Attributes:
        target: Path and query as the client asked for them.
        headers: The request's headers, names in lower case; see :func:`joined_headers`.
        remote_address: ``ip:port`` of the client.
        secure: Whether it came over TLS.
    """

    def __init__(self, target: str, headers: Mapping[str, str], remote_address: str, *, secure: bool) -> None:
        self.target = target
        self.headers = headers
        self.remote_address = remote_address
        self.secure = secure
        loop = asyncio.get_running_loop()
        self._decision: asyncio.Future[Rejection | None] = loop.create_future()
        self._transport: asyncio.Future[Transport] = loop.create_future()

    @property
    def path(self) -> str:
        """The path, without the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The query's fields; of one that comes twice, the last."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def origin(self) -> str | None:
        """The web page's origin, None when the client is no browser."""
        return self.headers.get("origin")

    async def accept(self) -> Transport:
        """Lets the client in; returns when the handshake is done.

        Raises:
            TransportClosedError: The client has gone meanwhile, or was rejected before.
        """
        self._decide(None)
        return await asyncio.shield(self._transport)

    def reject(self, status: int | BaseException = 403, reason: str = "Rejected") -> None:
        """Turns the client away with an HTTP status and a reason in the header ``X-WebSocket-Reject-Reason``.

        Args:
            status: From 400 to 599; or an exception, which makes 500 with its text as the reason.
            reason: Goes with a status.
        """
        if isinstance(status, BaseException):
            self._decide(Rejection(500, str(status) or type(status).__name__))
        else:
            self._decide(Rejection(status, reason))

    def _decide(self, rejection: Rejection | None) -> None:
        if self._decision.done():
            return
        self._decision.set_result(rejection)
        if rejection is not None:
            self.gone()

    def opened(self, transport: Transport) -> None:
        """For servers: the handshake is done."""
        if not self._transport.done():
            self._transport.set_result(transport)

    def gone(self) -> None:
        """For servers: there will be no transport."""
        if not self._transport.done():
            self._transport.set_exception(TransportClosedError())
            self._transport.exception()  # accept() may never have been called

    async def decide(self, handler: ConnectionHandler) -> Rejection | None:
        """For servers: asks the application. Returns None for a client that was let in.

        A handler that raises rejects with 500; one that returns without deciding may decide until
        :data:`OPEN_TIMEOUT_S` have passed. A handler that has accepted goes on beside the connection; if it raises
        then, the connection is closed with 1011.
        """
        task = asyncio.ensure_future(handler(self))
        _running.add(task)
        task.add_done_callback(self._handler_done)
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                return await asyncio.shield(self._decision)
        except TimeoutError:
            self._decide(Rejection(503, "no decision"))
            return self._decision.result()

    def _handler_done(self, task: asyncio.Future[None]) -> None:
        _running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if not self._decision.done():
            self._decide(Rejection(500, f"{type(error).__name__}: {error}"))
        elif not isinstance(error, TransportClosedError):
            task.get_loop().call_exception_handler({"message": "connection handler failed", "exception": error})
            if self._transport.done() and self._transport.exception() is None:
                # nobody may have taken it over: it would stay open, and unread, for ever
                closing = asyncio.ensure_future(self._transport.result().close(INTERNAL_ERROR, "internal error"))
                _running.add(closing)
                closing.add_done_callback(_running.discard)


ConnectionHandler = Callable[[ConnectionRequest], Awaitable[None]]

_running: set[asyncio.Future[None]] = set()


def joined_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by their names in lower case; of one that comes several times all values (RFC 9110 section 5.3).

    So nobody hides behind a line of his own what a proxy says in another one.
    """
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined


def offers_protoo(offered: str) -> bool:
    """Whether a ``Sec-WebSocket-Protocol`` header offers our subprotocol."""
    return SUBPROTOCOL in (token.strip() for token in offered.split(","))
