"""Sends events to a webhook: those of one stream in their order, again when it fails, and never more than may wait."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from typing import Final

from miso.live.clock import Clock
from miso.live.event_webhook.settings import EventWebhookSettings
from miso.live.sessions.event_json import event_json
from miso.live.sessions.events import Event
from miso.live.webhooks.poster import NoAnswerError, Poster
from miso.protoo.log_rate_limit import LogRateLimit

logger = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 1.0
"""Before an event is sent again; twice as long each time."""
LONGEST_PAUSE_S: Final = 60.0
_ASK_AGAIN: Final = (408, 425, 429)


class Refused(Exception):
    """The program does not want an event: sending it again is of no use."""


class EventSender:
    """Sends what it is given.

    Attributes:
        sent: Events that the program has taken.
        dropped: Events that it was not told of: too many waited, it did not take them, or the server ended.
        waiting: Events that wait, those under way among them.
        failures: How often an event could not be sent, or was not taken.

    Args:
        poster: Sends to the program.
        settings: How.
        clock: The time.
    """

    def __init__(self, poster: Poster, settings: EventWebhookSettings, clock: Clock) -> None:
        self.sent = 0
        self.dropped = 0
        self.waiting = 0
        self.failures = 0
        self._poster = poster
        self._settings = settings
        self._clock = clock
        self._turn = asyncio.Semaphore(settings.at_once)
        self._queues: dict[str, deque[Event]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}  # one for each path that has events
        self._drops = LogRateLimit(logger, "an event was dropped")
        self._failures = LogRateLimit(logger, "an event could not be sent yet")

    def send(self, event: Event) -> None:
        """Sends an event, later."""
        if self.waiting >= self._settings.max_waiting:
            self._drop(event, f"{self.waiting} wait already")
            return
        self.waiting += 1
        self._queues.setdefault(event.path, deque()).append(event)
        if event.path not in self._tasks:
            self._tasks[event.path] = asyncio.create_task(self._send_all(event.path))

    async def close(self, within_s: float) -> None:
        """Sends what waits, for so many seconds; then drops it."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=within_s)
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for queue in self._queues.values():
            for event in queue:
                self._drop(event, "the server ends")
        self._queues.clear()
        self.waiting = 0
        await self._poster.close()

    async def _send_all(self, path: str) -> None:
        queue = self._queues[path]
        try:
            while queue:
                event = queue[0]
                try:
                    await self._send_until_taken(event)
                    self.sent += 1
                except (NoAnswerError, Refused) as error:
                    self._drop(event, str(error))
                queue.popleft()
                self.waiting -= 1
            del self._queues[path]
        finally:
            del self._tasks[path]

    async def _send_until_taken(self, event: Event) -> None:
        """Raises what came of the last attempt."""
        id = f"msg_{secrets.token_hex(16)}"
        pause_s = FIRST_PAUSE_S
        for _ in range(self._settings.attempts - 1):
            try:
                await self._send_once(event, id)
                return
            except NoAnswerError as error:
                self._failures.count(f"{event.kind.value} of {event.path}: {error}")
            await self._sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        await self._send_once(event, id)

    async def _send_once(self, event: Event, id: str) -> None:
        try:
            async with self._turn:
                status, _ = await self._poster.post(event_json(event), id)
        except NoAnswerError:
            self.failures += 1
            raise
        if 200 <= status < 300:
            return
        self.failures += 1
        if 400 <= status < 500 and status not in _ASK_AGAIN:
            raise Refused(f"the status is {status}")
        raise NoAnswerError(f"the status is {status}")

    async def _sleep(self, seconds: float) -> None:
        over = asyncio.get_running_loop().create_future()
        timer = self._clock.call_later(seconds, lambda: over.set_result(None))
        try:
            await over
        finally:
            timer.cancel()

    def _drop(self, event: Event, why: str) -> None:
        self.dropped += 1
        self._drops.count(f"{event.kind.value} of {event.path}: {why}")
