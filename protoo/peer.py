"""A client as the server sees it."""

from __future__ import annotations

from typing import Generic, TypeVar

from miso.protoo.connection import SERVER_TIMEOUT_BASE_MS, Connection, ConnectionListener
from miso.protoo.events import ProtooEmitter
from miso.protoo.incoming import IncomingRequest
from miso.protoo.message import Notification
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
        self._id = peer_id
        self._data = data
        self._remote_address = transport.remote_address
        self._connection = Connection(
            transport,
            ConnectionListener(self._on_request, self._on_notification, self._on_close),
            timeout_base_ms=SERVER_TIMEOUT_BASE_MS,
            limits=limits,
            queues=queues,
        )

    def __repr__(self) -> str:
        return f"<Peer {self._id} {self._remote_address}{' closed' if self.closed else ''}>"

    @property
    def id(self) -> str:
        """The id, unique in its room."""
        return self._id

    @property
    def data(self) -> Data:
        """The application's data: an object of its own, whose attributes it may change."""
        return self._data

    @property
    def remote_address(self) -> str:
        """``ip:port`` of the other side; empty when unknown."""
        return self._remote_address

    @property
    def closed(self) -> bool:
        """Whether the connection is closed."""
        return self._connection.closed

    async def request(self, method: str, data: object = None, *, timeout_ms: float | None = None) -> object:
        """Sends a request and waits for its answer; see :meth:`miso.protoo.connection.Connection.request`.

        Raises:
            RequestError: The other side rejected it.
            RequestTimeoutError: No answer came in time.
            TransportClosedError: The peer is closed, or was closed meanwhile.
        """
        return await self._connection.request(method, data, timeout_ms=timeout_ms)

    def notify(self, method: str, data: object = None) -> None:
        """Sends a notification.

        Raises:
            TransportClosedError: The peer is closed.
        """
        self._connection.notify(method, data)

    def send(self, frame: bytes) -> None:
        """Sends what :func:`miso.protoo.message.encode` has made, once for many peers.

        Raises:
            TransportClosedError: The peer is closed.
        """
        self._connection.send(frame)

    def close(self, code: int = CLOSED_BY_SERVER, reason: str = CLOSED_BY_SERVER_REASON) -> None:
        """Closes the connection and emits ``close``. What was sent before still goes out.

        Args:
            code: WebSocket close code. With 4000 a client stays away; with any other, such as 1012 (service
                restart), it connects again.
            reason: At most 123 bytes.
        """
        self._connection.close(code, reason)

    async def wait_closed(self) -> None:
        """Returns when the connection is closed on the wire too."""
        await self._connection.wait_closed()

    def _on_request(self, request: IncomingRequest) -> None:
        if not self.emit("request", request):
            request.reject(500, 'no listeners for "request" event')

    def _on_notification(self, notification: Notification) -> None:
        self.emit("notification", notification)

    def _on_close(self, code: int, reason: str) -> None:
        self.emit("close", code, reason)
