"""A program of the operator's: an HTTP server that notes what it is told, and answers with the bytes it is given."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> dict[str, Any]:
        content = json.loads(self.body)
        assert isinstance(content, dict)
        return content


def http_answer(status: int, body: bytes | str = b"", *headers: str) -> bytes:
    body = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Program:
    """Serves while it is entered. ``answer`` gives a whole answer; None: the connection is left without one."""

    def __init__(self, answer: Callable[[Request], bytes | None]) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.under_way = self.most_under_way = 0
        self.changed = asyncio.Condition()
        self.held = asyncio.Event()  # answers wait for it
        self.held.set()
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Program:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._connections:
            task.cancel()

    async def told(self, count: int) -> list[Request]:
        """Waits until so many requests have come."""
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(lambda: len(self.requests) >= count), 60)
        return self.requests

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
                }
                request = Request(
                    head[0].split()[1], headers, await reader.readexactly(int(headers.get("content-length", "0")))
                )
                async with self.changed:
                    self.requests.append(request)
                    self.changed.notify_all()
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
                answered = await self._is_still_wanted(reader)
                self.under_way -= 1
                if not answered:
                    break
                answer = self.answer(request)
                if answer is None:
                    await asyncio.Event().wait()
                else:
                    writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _is_still_wanted(self, reader: asyncio.StreamReader) -> bool:
        """Waits until answers are given; False: who asked has hung up before."""
        if self.held.is_set():
            return True
        hanging_up, held = asyncio.create_task(reader.read(1)), asyncio.create_task(self.held.wait())
        try:
            await asyncio.wait((hanging_up, held), return_when=asyncio.FIRST_COMPLETED)
            return not hanging_up.done()
        finally:
            hanging_up.cancel()
            held.cancel()
            await asyncio.gather(hanging_up, held, return_exceptions=True)
