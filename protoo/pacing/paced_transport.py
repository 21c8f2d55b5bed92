"""A connection's TCP or TLS side, as its WebSocket protocol sees it: bytes come in paced, and it closes gently.

What is read is handed on a few frames a turn (``turns.py``); reading pauses until all of it is handled, or while the
protocol has paused it. Closing lets what was sent arrive: a kernel that still holds unread bytes of the client answers
a close with a reset, and the client's kernel then throws away the close frame that it has not passed on yet. So our
side is closed first (RFC 9293 section 3.6, half-close), and what comes is read and discarded until the other side has
closed too, within limits of time and bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from miso.protoo.log_rate_limit import LogRateLimit
from miso.protoo.pacing.frames import Allowance, FrameCutter, FrameLimits
from miso.protoo.pacing.turns import turns_of

REFUSED = LogRateLimit(logging.getLogger("miso.protoo"), "a WebSocket client sent more than it may, closing")
"""Connections that were closed with 1008 for what they sent."""

TOO_MUCH = "too many frames"
TOO_MANY_FRAGMENTS = "too many fragments in one message"


class PacedTransport(asyncio.Transport):
    """The transport that a protocol is given instead of the real one."""

    LINGER_S: ClassVar[float] = 5.0
    """How long a client may take to close its side, and as long again to take what was sent."""
    LINGER_BYTES: ClassVar[int] = 16 * 1024 * 1024
    """How much of it is read and discarded meanwhile."""
    LINGER_PAUSE_S: ClassVar[float] = 0.02
    """After each read of it, so that who goes on sending without end takes little of our time."""
    LINGER_FRAMES: ClassVar[int] = 1_000
    """In so many frames its close frame is looked for, in case it waits for us to close first."""

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        take: Callable[[bytes], None],
        refuse: Callable[[str], None],
        limits: FrameLimits,
        behind_head: bool,
    ) -> None:
        """Takes over a connection.

        Args:
            transport: The real one.
            take: The protocol's parser; it gets a few frames at a time.
            refuse: Called once, with the reason, when the client has sent more than it may; closes.
            limits: What it may send.
            behind_head: Whether the first bytes are the HTTP head of the handshake.
        """
        super().__init__()
        self._transport = transport
        self._take = take
        self._refuse = refuse
        self._limits = limits
        self._cutter = FrameCutter(behind_head=behind_head)
        self._loop = asyncio.get_running_loop()
        self._allowance = Allowance(limits, self._loop.time())
        self._turns = turns_of(self._loop)
        self._data = b""
        self._position = 0
        self._in_circle = False
        self._paused = False  # by the protocol
        self._reading_paused = False  # for real
        self._closing = False
        self._lingered_bytes = 0
        self._lingered_frames = 0
        self._deadline: asyncio.TimerHandle | None = None

    # what comes in

    def received(self, data: bytes) -> None:
        """Takes what was read, for the protocol's ``data_received``."""
        if self._closing:
            self._discard(data)
            return
        self._data = self._data[self._position :] + data if self._data else data
        self._position = 0
        self._go_on()

    @property
    def waiting(self) -> bool:
        """Whether there is more to hand on now."""
        return self._position < len(self._data) and not self._paused and not self._closing

    def work(self, frames: int) -> int:
        """For :class:`miso.protoo.pacing.turns.Turns`."""
        self._in_circle = False
        if not self.waiting:
            return 0
        end, passed = self._cutter.cut(self._data, self._position, frames)
        taken = self._data if end - self._position == len(self._data) else self._data[self._position : end]
        self._position = end
        if end == len(self._data):
            self._data, self._position = b"", 0
        self._take(taken)
        if not self._closing:
            self._check()
        self._pause_or_resume()
        self._in_circle = self.waiting
        return max(1, passed)

    def lost(self) -> None:
        """The connection is gone, for the protocol's ``connection_lost``."""
        self._closing = True
        self._data, self._position = b"", 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _go_on(self) -> None:
        if not self._in_circle:
            self._turns.serve(self)
            self._in_circle = self.waiting
        self._pause_or_resume()

    def _check(self) -> None:
        units, self._cutter.units = self._cutter.units, 0
        if not self._allowance.spend(units, self._loop.time()):
            self._refuse(TOO_MUCH)
        elif self._cutter.fragments > self._limits.fragments:
            self._refuse(TOO_MANY_FRAGMENTS)

    def _pause_or_resume(self) -> None:
        paused = (self._paused or bool(self._data)) and not self._closing
        if paused == self._reading_paused or self._transport.is_closing():
            return
        self._reading_paused = paused
        if paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def pause_reading(self) -> None:
        """Hands on nothing more."""
        self._paused = True

    def resume_reading(self) -> None:
        """Goes on to hand on."""
        self._paused = False
        if self._data:
            self._go_on()
        else:
            self._pause_or_resume()

    def is_reading(self) -> bool:
        """Whether the protocol gets what comes."""
        return not self._paused and not self._closing

    # closing

    def is_closing(self) -> bool:
        """Whether nothing more can be sent."""
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        """Sends what waits, then closes as soon as the other side has."""
        half_closed = self._half_close()
        if self._cutter.close_seen or (not half_closed and self._in_handshake):
            self._close_now()

    def write_eof(self) -> None:
        """Half-closes; the rest is as with :meth:`close`."""
        self._half_close()

    def can_write_eof(self) -> bool:
        """Whether :meth:`write_eof` may be called: always, it closes otherwise than by a half-close over TLS."""
        return True

    def abort(self) -> None:
        """Closes at once; what waits is lost."""
        self._closing = True
        self._transport.abort()

    @property
    def _in_handshake(self) -> bool:
        return self._allowance.untouched

    def _half_close(self) -> bool:
        """Begins to close; tells whether the other side hears of it before it closes itself."""
        if not self._closing:
            self._closing = True
            self._data, self._position = b"", 0
            self._deadline = self._loop.call_later(self.LINGER_S, self._close_now)
            if not self._transport.is_closing():
                self._pause_or_resume()
                if self._transport.can_write_eof():
                    with contextlib.suppress(OSError, RuntimeError):  # lost a moment ago
                        self._transport.write_eof()
        return self._transport.can_write_eof()

    def _discard(self, data: bytes) -> None:
        self._lingered_bytes += len(data)
        if self._lingered_bytes > self.LINGER_BYTES:
            self._close_now()
            return
        left = self.LINGER_FRAMES - self._lingered_frames
        if left > 0:
            _, passed = self._cutter.cut(data, 0, left)
            self._lingered_frames += passed
            if self._cutter.close_seen:
                self._close_now()
                return
        if not self._transport.is_closing():
            self._transport.pause_reading()
            self._loop.call_later(self.LINGER_PAUSE_S, self._discard_more)

    def _discard_more(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _close_now(self) -> None:
        """Closes for real; who does not take what was sent is cut off."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._transport.close()
        self._deadline = self._loop.call_later(self.LINGER_S, self._transport.abort)

    # the rest is the real transport's

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends, unless it is closing."""
        if not self._closing:
            self._transport.write(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Sends, unless it is closing."""
        self.write(b"".join(list_of_data))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See :meth:`asyncio.BaseTransport.get_extra_info`."""
        return self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """See :meth:`asyncio.BaseTransport.set_protocol`."""
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """See :meth:`asyncio.BaseTransport.get_protocol`."""
        return self._transport.get_protocol()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See :meth:`asyncio.WriteTransport.set_write_buffer_limits`."""
        self._transport.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Bytes that wait to be sent."""
        return self._transport.get_write_buffer_size()
