"""A connection to another RTMP server: its bytes to and from a client's session."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from miso.live.clock import Clock, Timer
from miso.live.errors import ParseError, RefusedError, StreamClosedError
from miso.live.relay.dialing import Dialer
from miso.live.rtmp.adobe_login import ClientLogin
from miso.live.rtmp.messages import MessageType
from miso.live.rtmp.session.client_session import (
    Challenged,
    ClientEvent,
    ClientLimits,
    ClientPhase,
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


class ChallengedError(RefusedError):
    """The server wants to know who we are; the next connection will tell it."""


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
        self._early: list[ClientEvent] = []  # came while the connection was made

    @property
    def bytes_in(self) -> int:
        """What has come."""
        return self._session.bytes_in

    @property
    def bytes_out(self) -> int:
        """What the kernel has taken."""
        return self._written_bytes - self._writer.transport.get_write_buffer_size()

    async def introduce(self) -> None:
        """Goes on until the server has taken us for who we are.

        Raises:
            ChallengedError: It wants to know it first.
            LiveError, OSError: See :meth:`events`.
        """
        self._flush()
        while self._session.phase in (ClientPhase.SHAKING, ClientPhase.CONNECTING):
            self._early += map(_passed, await self._read())

    async def events(self) -> AsyncIterator[ClientEvent]:
        """What the server says, until it is over; never ends without an error.

        Raises:
            LiveError: The server refuses, ends the stream, or sends what is no RTMP.
            OSError: The connection is gone; TimeoutError if it was silent.
        """
        self._flush()
        early, self._early = self._early, []
        for event in early:
            yield event
        while True:
            for event in await self._read():
                yield _passed(event)

    async def _read(self) -> list[ClientEvent]:
        data = await self._reader.read(READ_BYTES)
        if self._error is not None:
            raise self._error
        if not data:
            raise ConnectionResetError("the server has closed the connection")
        events = self._session.receive(data, self._clock.time())
        self._flush()
        return events

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
    url: RtmpUrl, purpose: Purpose, via: tuple[str, ...], clock: Clock, dialer: Dialer
) -> AsyncIterator[RelayConnection]:
    """Connects to a server, and lets go of it at the end.

    Args:
        url: The server, and the stream.
        purpose: What to do with it.
        via: The servers through which the stream has come, our own the last.
        clock: The time.
        dialer: Connects. A server may take as long again to begin, and later to take what is sent.

    Raises:
        LiveError: It does not take us for who we are, or the host's name can be none.
        OSError: It cannot be had.
    """
    login = ClientLogin(url.user, url.password, secrets.token_bytes) if url.user else None

    async def connect() -> RelayConnection:
        reader, writer = await dialer.dial(url)
        timeout_s = dialer.timeout_s
        session = ClientSession(url, purpose, ClientLimits(begin_s=timeout_s), clock.time(), via, login=login)
        return RelayConnection(session, reader, writer, clock, timeout_s)

    is_known = login is None
    while True:  # at most three times: then the login has no answer left
        connection = await connect()
        try:
            if not is_known:
                with suppress(ChallengedError):
                    await connection.introduce()
                    is_known = True
            if is_known:
                yield connection
                return
        finally:
            await connection.close()


def _passed(event: ClientEvent) -> ClientEvent:
    """Raises what ends a connection."""
    if isinstance(event, Ended):
        raise _ERRORS[event.why](event.detail)
    if isinstance(event, Challenged):
        raise ChallengedError("the server wants to know who we are")
    return event
