"""Events as they happen, for web pages and ``curl``: server-sent events (HTML standard, section 9.2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Final

from miso.live.errors import LimitError
from miso.live.sessions.event_json import event_json
from miso.live.sessions.events import Event, Events

MOST_WAITING: Final = 1_000
"""Events that wait for one listener to read on; it is told how many it missed."""
KEEP_ALIVE_S: Final = 15.0
"""A comment after so long without an event, so that proxies and dead connections are noticed."""
RETRY_MS: Final = 3_000


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
        self._queues: set[asyncio.Queue[Event | None]] = set()

    @property
    def listening(self) -> int:
        """How many do."""
        return len(self._queues)

    def check_room(self) -> None:
        """Whether one more may listen.

        Raises:
            LimitError: It may not.
        """
        if self.listening >= self._most:
            raise LimitError(f"{self.listening} listen to events, more are not allowed")

    async def lines(self) -> AsyncGenerator[str, None]:
        """What one listener is sent, until it is closed or all are.

        Raises:
            LimitError: As :meth:`check_room`.
        """
        self.check_room()
        waiting: asyncio.Queue[Event | None] = asyncio.Queue(MOST_WAITING)
        missed = 0

        def take(event: Event) -> None:
            nonlocal missed
            try:
                waiting.put_nowait(event)
            except asyncio.QueueFull:
                missed += 1
                self.missed += 1

        unsubscribe = self._events.subscribe(take)
        self._queues.add(waiting)
        try:
            yield f"retry: {RETRY_MS}\n\n"
            while True:
                try:
                    async with asyncio.timeout(KEEP_ALIVE_S):
                        event = await waiting.get()
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                if event is None:
                    return
                yield f"event: {event.kind.value}\ndata: {json.dumps(event_json(event))}\n\n"
                if missed and waiting.empty():
                    now_missed, missed = missed, 0
                    yield f'event: missed\ndata: {{"events": {now_missed}}}\n\n'
        finally:
            unsubscribe()
            self._queues.discard(waiting)

    def close(self) -> None:
        """Ends all of them."""
        for waiting in self._queues:
            if waiting.full():
                waiting.get_nowait()
            waiting.put_nowait(None)
