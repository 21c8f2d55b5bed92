"""A client as the server sees it."""

from __future__ import annotations

from functools import partial
from typing import Final, Generic, TypeVar

from miso.protoo.emitter import ProtooEmitter
from miso.protoo.message_exchange import SERVER_TIMEOUT_BASE_MS, ExchangeListener, MessageExchange
from miso.protoo.send_queues import QueueLimits, SendQueues
from miso.protoo.transport import CLOSED_BY_SERVER, CLOSED_BY_SERVER_REASON, Transport

Data = TypeVar("Data")


class Peer(ProtooEmitter, Generic[Data]):
    """One end of a connection, with an id and the application's own data.

    Events:
        request (IncomingRequest): The other side wants an answer. Without a listener, or when the listener raises,
            it is rejected with code 500.
        notification (Notification): The other side says something.
        close (code: int, reason: str): The connection is closed, by whom ever. Requests that wait are rejected.

    Nothing that arrives is lost as long as the listeners are added before the code that made the peer awaits.

    Attributes:
        id: Unique in its room.
        data: The application's own object, whose attributes it may change.
        remote_address: ``ip:port`` of the other side; empty when unknown.
    """

    def __init__(
        self,
        peer_id: str,
        transport: Transport,
        data: Data,
        limits: QueueLimits | None = None,
        queues: SendQueues | None = None,
    ) -> None:
        super().__init__()
        self.id: Final = peer_id
        self.data: Final = data
        self.remote_address: Final = transport.remote_address
        self._exchange = MessageExchange(
            transport,
            ExchangeListener(self._emit_request, partial(self.emit, "notification"), partial(self.emit, "close")),
            timeout_base_ms=SERVER_TIMEOUT_BASE_MS,
            limits=limits,
            queues=queues,
        )

    def __repr__(self) -> str:
        return f"<Peer {self.id} {self.remote_address}{' closed' if self.closed else ''}>"

    @property
    def closed(self) -> bool:
        """Whether the connection is closed."""
        return self._exchange.closed

    async def request(self, method: str, data: object = None, *, timeout_ms: float | None = None) -> object:
        """Sends a request and waits for its answer; see :meth:`miso.protoo.message_exchange.MessageExchange.request`.

        Raises:
            RequestError: The other side rejected it.
            RequestTimeoutError: No answer came in time.
            TransportClosedError: The peer is closed, or was closed meanwhile.
        """
        return await self._exchange.request(method, data, timeout_ms=timeout_ms)

    def notify(self, method: str, data: object = None) -> None:
        """Sends a notification.

        Raises:
            TransportClosedError: The peer is closed.
        """
        self._exchange.notify(method, data)

    def send(self, frame: bytes) -> None:
        """Sends what :func:`miso.protoo.message.encode` has made, once for many peers.

        Raises:
            TransportClosedError: The peer is closed.
        """
        self._exchange.send(frame)

    def close(self, code: int = CLOSED_BY_SERVER, reason: str = CLOSED_BY_SERVER_REASON) -> None:
        """Closes the connection and emits ``close``. What was sent before still goes out.

        Args:
            code: WebSocket close code. With 4000 a client stays away; with any other, such as 1012 (service
                restart), it connects again.
            reason: At most 123 bytes.
        """
        self._exchange.close(code, reason)

    async def wait_closed(self) -> None:
        """Returns when the connection is closed on the wire too."""
        await self._exchange.wait_closed()
