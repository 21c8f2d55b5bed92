"""The descriptors to the controller: stream sockets or pipes, made non-blocking, watched by the event loop.

What is said in one turn of the event loop is written in one go: somebody who joins is told of in ten messages, and a
write, which wakes the controller, costs as much as making several of them.

A controller that does not read must not stop the media: what is not read waits here, and beyond ``MAX_WAITING_BYTES``
notifications and log lines are dropped and counted; replies never.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import TypeVarTuple

from miso.worker.channel.framing import frame

MAX_WAITING_BYTES = 8 * 1024 * 1024
_READ_SIZE = 65_536  # for more the C library would map memory and give it back with each read, of however little
_READS_PER_WAKE_UP = 4
_MESSAGES_PER_WRITE = 512  # the kernel takes 1,024

Arguments = TypeVarTuple("Arguments")


class IncomingPipe:
    """The reading end of one direction."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        fd: int,
        on_data: Callable[[bytes], None],
        on_end: Callable[[], None],
    ) -> None:
        """Starts reading; ``on_end`` is called once, at the end of the stream, unless it is held then.

        Raises:
            OSError: The descriptor is not open, or cannot be watched.
        """
        self._loop = loop
        self._fd = fd
        self._on_data = on_data
        self._on_end = on_end
        self._closed = False
        self._held = False
        os.set_inheritable(fd, False)
        os.set_blocking(fd, False)
        loop.add_reader(fd, self._read)

    def hold(self) -> None:
        """Reads nothing until ``go_on``; what comes meanwhile waits in the kernel."""
        if not self._closed and not self._held:
            self._held = True
            self._loop.remove_reader(self._fd)

    def go_on(self) -> None:
        """Reads again."""
        if not self._closed and self._held:
            self._held = False
            self._loop.add_reader(self._fd, self._read)

    def close(self) -> None:
        """Stops reading; idempotent."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._fd)

    def _read(self) -> None:
        for _ in range(_READS_PER_WAKE_UP):
            try:
                data = os.read(self._fd, _READ_SIZE)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                data = b""  # the controller is gone
            if not data:
                self.close()
                self._on_end()
                return
            self._on_data(data)
            if self._closed or self._held or len(data) < _READ_SIZE:
                return


class OutgoingPipe:
    """The writing end of one direction.

    Attributes:
        dropped: How many messages were dropped because the controller did not read.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, fd: int, on_lost: Callable[[], None]) -> None:
        """``on_lost`` is called once, when the reader has gone.

        Raises:
            OSError: The descriptor is not open.
        """
        self._loop = loop
        self._fd = fd
        self._on_lost = on_lost
        self._waiting: deque[bytes | memoryview] = deque()
        self._waiting_bytes = 0
        self._closed = False
        self._is_watched = False  # the loop calls ``_write`` when the reader has read
        self._will_write = False  # in this turn
        self.dropped = 0
        os.set_inheritable(fd, False)
        os.set_blocking(fd, False)

    def send(self, *bodies: bytes, droppable: bool = False) -> bool:
        """Sends frames that belong together, all of them or none.

        Returns:
            False when they were dropped: too much is waiting and they are ``droppable``, a body is too large for a
            frame, or the pipe is closed.
        """
        if self._closed:
            return False
        if droppable and self._waiting_bytes > MAX_WAITING_BYTES:
            self.dropped += 1
            return False
        try:
            data = frame(bodies[0]) if len(bodies) == 1 else b"".join(map(frame, bodies))
        except ValueError:
            self.dropped += 1
            return False
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if not self._will_write and not self._is_watched:
            self._will_write = True
            self._loop.call_soon(self._write_said)
        return True

    def gather(self, work: Callable[[*Arguments], object], *arguments: *Arguments) -> None:
        """Does something; all that it says is written then and there, not in a turn of the loop of its own."""
        if self._will_write:
            work(*arguments)
            return
        self._will_write = True
        try:
            work(*arguments)
        finally:
            self._write_said()

    def close(self) -> None:
        """Writes what can be written at once, and stops; idempotent."""
        if not self._closed:
            self._write()
            self._stop()

    def _write_said(self) -> None:
        """All that was said in this turn."""
        self._will_write = False
        if self._closed:
            return
        self._write()
        if self._waiting and not self._closed and not self._is_watched:
            self._is_watched = True
            self._loop.add_writer(self._fd, self._write)

    def _write(self) -> None:
        while self._waiting:
            try:
                written = os.writev(self._fd, list(islice(self._waiting, _MESSAGES_PER_WRITE)))
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # EPIPE, ECONNRESET
                self._stop()
                self._on_lost()
                return
            self._waiting_bytes -= written
            if self._waiting_bytes:
                self._forget(written)
            else:
                self._waiting.clear()
        if self._is_watched:
            self._watch_no_more()

    def _forget(self, written: int) -> None:
        """So many bytes at the beginning of what waits have gone."""
        while written:
            first = self._waiting[0]
            if written < len(first):
                self._waiting[0] = memoryview(first)[written:]
                return
            written -= len(first)
            self._waiting.popleft()

    def _watch_no_more(self) -> None:
        self._is_watched = False
        self._loop.remove_writer(self._fd)

    def _stop(self) -> None:
        self._closed = True
        self._waiting.clear()
        if self._is_watched:
            self._watch_no_more()
