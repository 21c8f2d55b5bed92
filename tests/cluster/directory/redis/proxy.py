"""A network that can break: what stands between one node and Redis in a test."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Proxy:
    """Passes TCP connections on to a port of this machine.

    Attributes:
        port: Where it listens.
        delay_s: So much later comes what passes, each way, in seconds.
        answered_bytes: So many have come back from there.
    """

    def __init__(self, to_port: int) -> None:
        """Not started.

        Args:
            to_port: Where it passes connections on to.
        """
        self.port = 0
        self.delay_s = 0.0
        self.answered_bytes = 0
        self._to_port = to_port
        self._server: asyncio.Server | None = None
        self._flows = asyncio.Event()
        self._flows.set()
        self._is_refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def stall(self) -> None:
        """Nothing passes any more, and nobody is told; a cable was drawn."""
        self._flows.clear()

    def flow(self) -> None:
        """What was held up passes, and all that comes."""
        self._flows.set()
        self._is_refusing = False

    def break_all(self) -> None:
        """Ends all connections; new ones pass."""
        for writer in list(self._writers):
            writer.transport.abort()

    def lead_to(self, port: int) -> None:
        """Ends all connections; new ones are passed on to that port."""
        self._to_port = port
        self.break_all()

    def refuse(self) -> None:
        """Ends all connections, and new ones at once."""
        self._is_refusing = True
        self.break_all()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.break_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_refusing:
            writer.transport.abort()
            return
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:
            writer.transport.abort()
            return
        for source, sink, back, answers in (
            (reader, to_writer, writer, False),
            (to_reader, writer, to_writer, True),
        ):
            task = asyncio.create_task(self._pass(source, sink, back, answers))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._writers |= {writer, to_writer}

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, back: asyncio.StreamWriter, answers: bool
    ) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                if answers:
                    self.answered_bytes += len(data)
                await self._flows.wait()
                await asyncio.sleep(self.delay_s)
                sink.write(data)
                await sink.drain()
        for writer in (sink, back):
            writer.transport.abort()
            self._writers.discard(writer)
