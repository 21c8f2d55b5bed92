"""A connection to another RTMP server: its bytes to and from a client's session."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from miso.live.clock import Clock, Timer
from miso.live.errors import ParseError, RefusedError, StreamClosedError
from miso.live.rtmp.messages import MessageType
from miso.live.rtmp.session.client_session import (
    ClientEvent,
    ClientLimits,
    ClientSession,
    Purpose,
)
from miso.live.rtmp.session.events import Ended, Ending
from miso.live.rtmp.url import RtmpUrl

READ_BYTES: Final = 1 << 16
_ERRORS: Final[dict[Ending, type[Exception]]] = {
    Ending.DONE: StreamClosedError,
    Ending.REFUSED: RefusedError,
    Ending.PROTOCOL: ParseError,
    Ending.TIMEOUT: TimeoutError,
}


class RelayConnection:
    """A connection; :func:`connected` makes it.

    Attributes:
        address: The server's IP address.
    """

    def __init__(
        self,
        session: ClientSession,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        clock: Clock,
        timeout_s: float,
    ) -> None:
        self.address: str = writer.get_extra_info("peername")[0]
        self._written_bytes = 0
        self._session = session
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._timeout_s = timeout_s
        self._timer: Timer | None = None
        self._error: Exception | None = None

    @property
    def bytes_in(self) -> int:
        """What has come."""
        return self._session.bytes_in

    @property
    def bytes_out(self) -> int:
        """What the kernel has taken."""
        return self._written_bytes - self._writer.transport.get_write_buffer_size()

    async def events(self) -> AsyncIterator[ClientEvent]:
        """What the server says, until it is over; never ends without an error.

        Raises:
            LiveError: The server refuses, ends the stream, or sends what is no RTMP.
            OSError: The connection is gone; TimeoutError if it was silent.
        """
        self._flush()
        while True:
            data = await self._reader.read(READ_BYTES)
            if self._error is not None:
                raise self._error
            events = self._session.receive(data, self._clock.time()) if data else []
            self._flush()
            for event in events:
                if isinstance(event, Ended):
                    raise _ERRORS[event.why](event.detail)
                yield event
            if not data:
                raise ConnectionResetError("the server has closed the connection")

    def send(self, type_id: MessageType, timestamp_ms: int, body: bytes) -> None:
        """Publishes something; :meth:`drain` is to be awaited before much more."""
        self._session.send(type_id, timestamp_ms, body)
        self._flush()

    async def drain(self) -> None:
        """Waits until the server has taken most of what was sent.

        Raises:
            TimeoutError: It does not.
            OSError: The connection is gone.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._writer.drain()
        except TimeoutError:
            raise TimeoutError(f"the server took nothing for {self._timeout_s:g} s") from None

    def fail(self, error: Exception) -> None:
        """Ends it: :meth:`events` raises this."""
        if self._error is None:
            self._error = error
            self._writer.transport.abort()

    async def close(self) -> None:
        """Says goodbye, as far as the server listens."""
        if self._timer is not None:
            self._timer.cancel()
        self._session.say_goodbye()
        self._flush()
        with suppress(OSError, TimeoutError):
            self._writer.close()
            async with asyncio.timeout(min(1.0, self._timeout_s)):
                await self._writer.wait_closed()
        self._writer.transport.abort()

    def _flush(self) -> None:
        output = self._session.take_output()
        if output and not self._writer.is_closing():
            self._written_bytes += len(output)
            self._writer.write(output)
        self._set_timer()

    def _set_timer(self) -> None:
        due_s = self._session.next_timer_s
        if self._timer is None and due_s is not None:
            self._timer = self._clock.call_later(max(0.0, due_s - self._clock.time()), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        for event in self._session.handle_timer(self._clock.time()):
            if isinstance(event, Ended):
                self.fail(_ERRORS[event.why](event.detail))
                return
        self._flush()


@asynccontextmanager
async def connected(
    url: RtmpUrl, purpose: Purpose, via: tuple[str, ...], clock: Clock, timeout_s: float, tls: ssl.SSLContext
) -> AsyncIterator[RelayConnection]:
    """Connects to a server, and lets go of it at the end.

    Args:
        url: The server, and the stream.
        purpose: What to do with it.
        via: The servers through which the stream has come, our own the last.
        clock: The time.
        timeout_s: So long it may take to connect, to begin, and later to take what is sent.
        tls: For ``rtmps``.

    Raises:
        OSError: It cannot be had.
    """
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(url.host, url.port, ssl=tls if url.is_tls else None)
    except TimeoutError:
        raise TimeoutError(f"no connection within {timeout_s:g} s") from None
    session = ClientSession(url, purpose, ClientLimits(begin_s=timeout_s), clock.time(), via)
    connection = RelayConnection(session, reader, writer, clock, timeout_s)
    try:
        yield connection
    finally:
        await connection.close()
