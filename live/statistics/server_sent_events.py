"""Events as they happen, for web pages and ``curl``: server-sent events (HTML standard, section 9.2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from miso.live.errors import LimitError
from miso.live.sessions.event_json import event_json
from miso.live.sessions.events import Event, Events

MOST_WAITING: Final = 1_000
"""Events that wait for one listener to read on; it is told how many it missed."""
KEEP_ALIVE_S: Final = 15.0
"""A comment after so long without an event, so that proxies and dead connections are noticed."""
RETRY_MS: Final = 3_000


class Listener:
    """One who listens, from when it is made until :meth:`close`.

    Args:
        events: What happens.
        on_missed: Called for each event that it is not told of.
        on_close: Called once, when it listens no more.
    """

    def __init__(self, events: Events, on_missed: Callable[[], None], on_close: Callable[[Listener], None]) -> None:
        self._waiting: asyncio.Queue[Event | None] = asyncio.Queue(MOST_WAITING)
        self._missed = 0
        self._on_missed = on_missed
        self._on_close: Callable[[Listener], None] | None = on_close
        self._unsubscribe = events.subscribe(self._take)

    async def lines(self) -> AsyncGenerator[str, None]:
        """What it is sent, until it or everybody is closed."""
        yield f"retry: {RETRY_MS}\n\n"
        while True:
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    event = await self._waiting.get()
            except TimeoutError:
                yield ": still here\n\n"
                continue
            if event is None:
                return
            yield f"event: {event.kind.value}\ndata: {json.dumps(event_json(event))}\n\n"
            if self._missed and self._waiting.empty():
                missed, self._missed = self._missed, 0
                yield f'event: missed\ndata: {{"events": {missed}}}\n\n'

    def end(self) -> None:
        """Lets :meth:`lines` come to its end."""
        if self._waiting.full():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    def close(self) -> None:
        """Listens no more; its place is free. Idempotent."""
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            self._unsubscribe()
            on_close(self)

    def _take(self, event: Event) -> None:
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            self._missed += 1
            self._on_missed()


class Listeners:
    """Everybody who listens.

    Attributes:
        missed: Events that listeners were not told of, since they read too slowly.

    Args:
        events: What happens.
        most: How many may listen.
    """

    def __init__(self, events: Events, most: int) -> None:
        self.missed = 0
        self._events = events
        self._most = most
        self._listeners: set[Listener] = set()

    @property
    def listening(self) -> int:
        """How many do."""
        return len(self._listeners)

    def listen(self) -> Listener:
        """One more, which has its place at once and is to be closed.

        Raises:
            LimitError: There are as many as there may be.
        """
        if self.listening >= self._most:
            raise LimitError(f"{self.listening} listen to events, more are not allowed")
        listener = Listener(self._events, self._count_missed, self._listeners.discard)
        self._listeners.add(listener)
        return listener

    def close(self) -> None:
        """Ends all of them."""
        for listener in self._listeners:
            listener.end()

    def _count_missed(self) -> None:
        self.missed += 1


class EventStream(StreamingResponse):
    """The answer to one who listens; its place is given back however the connection ends.

    Args:
        listener: Who listens.
    """

    def __init__(self, listener: Listener) -> None:
        headers = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
        super().__init__(listener.lines(), media_type="text/event-stream", headers=headers)
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers; the connection may be gone before the first line."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._listener.close()
