"""How a text or binary message is marked and sent over SCTP (RFC 8831 sections 6.6 and 8)."""

from __future__ import annotations

_TEXT, _BINARY, _EMPTY_TEXT, _EMPTY_BINARY = 51, 53, 56, 57


def encode_message(message: str | bytes, ppid: int | None) -> tuple[int, bytes]:
    """The payload protocol identifier and the bytes of a message.

    SCTP cannot carry an empty message: it goes as one byte, with an identifier of its own.

    Args:
        message: Text or bytes.
        ppid: The identifier to use instead of the one that follows from the message.

    Raises:
        TypeError: The message is neither text nor bytes.
    """
    if isinstance(message, str):
        data, full, empty = message.encode(), _TEXT, _EMPTY_TEXT
    elif isinstance(message, bytes | bytearray | memoryview):
        data, full, empty = bytes(message), _BINARY, _EMPTY_BINARY
    else:
        raise TypeError("message must be a str or bytes")
    if ppid is None:
        ppid = full if data else empty
    if ppid == _EMPTY_TEXT:
        data = b" "
    elif ppid == _EMPTY_BINARY:
        data = b"\0"
    return ppid, data
