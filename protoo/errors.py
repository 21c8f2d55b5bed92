"""The exceptions of protoo.

::

    ProtooError
    ├── MalformedMessageError   a frame is not a protoo message: it is dropped or refused, the connection stays
    ├── RequestError            the other side rejected our request (code, reason)
    ├── RequestTimeoutError     the other side did not answer in time
    ├── TransportClosedError    there is no connection (any more): "transport closed", "peer closed"
    ├── DuplicatePeerError      the room already has a peer with that id
    └── RoomClosedError         the room was closed: nobody would ever close a peer in it
"""

from __future__ import annotations

ABNORMAL_CLOSURE = 1006
"""Close code of a connection that was lost without one (RFC 6455 section 7.4.1)."""


class ProtooError(Exception):
    """Base of everything protoo raises on purpose."""


class MalformedMessageError(ProtooError, ValueError):
    """A frame that is not a protoo message; the text says what is wrong with it.

    Attributes:
        request_id: The id of a request that can be told so; None when it is none, or has no id.
    """

    def __init__(self, text: str, request_id: int | float | None = None) -> None:
        super().__init__(text)
        self.request_id = request_id


class RequestError(ProtooError):
    """A request was rejected by the other side, or is to be rejected by ours.

    A request listener may raise it: the other side gets its code and reason.

    Attributes:
        code: The ``errorCode``, by convention an HTTP-like number; None when the other side sent none.
        reason: The ``errorReason``, possibly empty.
    """

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class RequestTimeoutError(ProtooError, TimeoutError):
    """No answer came within the request's time."""

    def __init__(self, method: str) -> None:
        super().__init__(f"request timeout [method:{method}]")
        self.method = method


class TransportClosedError(ProtooError, ConnectionError):
    """The connection is closed, or was closed while something waited for it.

    Attributes:
        code: The WebSocket close code (RFC 6455 section 7.4); 1006 when the connection was lost without one.
        reason: The close reason, often empty.
    """

    def __init__(self, text: str = "transport closed", *, code: int = ABNORMAL_CLOSURE, reason: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.reason = reason


class DuplicatePeerError(ProtooError):
    """A peer with the same id is already in the room."""

    def __init__(self, peer_id: str) -> None:
        super().__init__(f'there is already a Peer with same peerId [peerId:"{peer_id}"]')
        self.peer_id = peer_id


class RoomClosedError(ProtooError):
    """The room was closed."""
