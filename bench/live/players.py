"""Players that really join, over HTTP or RTMP, and know their first key frame when they have it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from miso.live.media.bodies import BodyReader
from miso.live.media.flv import FlvReader, TagType
from miso.live.rtmp.messages import Message, MessageType
from miso.live.rtmp.session.client_session import ClientLimits, ClientSession, Purpose
from miso.live.rtmp.session.events import Ended
from miso.live.rtmp.url import read_url

_READ_BYTES = 256 * 1024
_END_OF_HEADERS = b"\r\n\r\n"


class Joined(NamedTuple):
    """A player that has its first picture.

    Attributes:
        connection: From which more comes; who gets this closes it.
        first_key_s: From before it connected until it had a whole key frame.
    """

    connection: socket.socket
    first_key_s: float


def join(url: str, timeout_s: float = 10.0) -> Joined:
    """Plays ``http://…flv`` or ``rtmp://…`` until the first key frame has come.

    Raises:
        TimeoutError: None came.
        OSError: It is refused, or the connection ended.
        ParseError: The server sends something else.
    """
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    began = time.monotonic()
    connection = socket.create_connection((parts.hostname, parts.port), timeout_s)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        is_key = _FlvPlayer(parts.path).feed if parts.scheme == "http" else _RtmpPlayer(url).feed
        to_send, found = is_key(b"")
        while not found:
            if to_send:
                connection.sendall(to_send)
            if time.monotonic() - began > timeout_s:
                raise TimeoutError(f"no key frame of {url} in {timeout_s} s")
            data = connection.recv(_READ_BYTES)
            if not data:
                raise ConnectionError(f"{url} has ended before a key frame came")
            to_send, found = is_key(data)
    except BaseException:
        connection.close()
        raise
    return Joined(connection, time.monotonic() - began)


class _FlvPlayer:
    """What it says, and whether it has a key frame: :meth:`feed` of what has come, nothing at first."""

    def __init__(self, path: str) -> None:
        self._to_send = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        self._head: bytes | None = b""
        self._unchunk: Callable[[bytes], bytes] = bytes
        self._reader = FlvReader()
        self._bodies = BodyReader()

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """What to send, and whether a key frame is there."""
        to_send, self._to_send = self._to_send, b""
        if self._head is not None:
            self._head += data
            head, end, data = self._head.partition(_END_OF_HEADERS)
            if not end:
                return to_send, False
            self._head = None
            if b" 200 " not in head.splitlines()[0]:
                raise ConnectionError(head.splitlines()[0].decode(errors="replace"))
            if b"chunked" in head.lower():
                self._unchunk = _Chunked().feed
        found = False
        for tag in self._reader.feed(self._unchunk(data)):
            if tag.tag_type is TagType.VIDEO:
                found |= _has_key(self._bodies, tag.body)
        return to_send, found


class _Chunked:
    """Chunked transfer coding (RFC 9112 section 7.1), without trailers."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> bytes:
        """The content that is complete."""
        self._buffer += data
        out = bytearray()
        while True:
            line, end, rest = self._buffer.partition(b"\r\n")
            size = int(line, 16) if end else 0
            if not end or len(rest) < size + 2:
                return bytes(out)
            out += rest[:size]
            self._buffer = rest[size + 2 :]


class _RtmpPlayer:
    """The same over RTMP."""

    def __init__(self, url: str) -> None:
        self._session = ClientSession(read_url(url), Purpose.PLAY, ClientLimits(), time.monotonic())
        self._bodies = BodyReader()

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """What to send, and whether a key frame is there."""
        found = False
        for event in self._session.receive(data, time.monotonic()):
            if isinstance(event, Ended):
                raise ConnectionError(f"the server refuses: {event.detail}")
            if isinstance(event, Message) and event.type_id == MessageType.VIDEO:
                found |= _has_key(self._bodies, event.body)
        return self._session.take_output(), found


def _has_key(bodies: BodyReader, body: bytes) -> bool:
    return any(packet.is_key and not packet.is_config for packet in bodies.read_video(body, 0))
