"""A pipe from a worker: cut into frames, and in an order in which nobody misses an event of what was just created."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from miso.worker.channel.client_codec import Accepted, Notification, Refused
from miso.worker.channel.framing import FrameReader, OversizeFrame

_logger = logging.getLogger(__name__)

Answer = Accepted | Refused

# An event may follow right behind the answer that creates its object. Whoever waits for that answer runs one turn of
# the event loop later, and each task, wait_for() or gather() in between takes one or two more: then its listeners are
# in place.
_EVENT_DELAY_TURNS = 8


class Event(NamedTuple):
    """What the worker says by itself; the payload is None on the channel without payloads."""

    notification: Notification
    payload: bytes | None = None


class Pipe(asyncio.Protocol):
    """One pipe, cut into frames. Events wait a little, and answers behind them wait with them: the order stays."""

    def __init__(
        self,
        on_frame: Callable[[bytes], Event | Answer | None],
        on_event: Callable[[Event], None],
        on_answer: Callable[[Answer], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._reader = FrameReader()
        self._on_frame = on_frame
        self._on_event = on_event
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Event | Answer] = deque()
        """Begins with an event, if there is anything."""

    def data_received(self, data: bytes) -> None:
        for body in self._reader.feed(data):
            if isinstance(body, OversizeFrame):
                _logger.error("a worker's message of %d bytes is too large and was skipped", body.size_bytes)
            elif (message := self._on_frame(body)) is not None:
                self._take(message)

    def _take(self, message: Event | Answer) -> None:
        if self._waiting:
            self._waiting.append(message)
        elif isinstance(message, Event):
            self._waiting.append(message)
            self._deliver_after(_EVENT_DELAY_TURNS)
        else:
            self._on_answer(message)

    def _deliver_after(self, turns: int) -> None:
        if turns:
            self._loop.call_soon(self._deliver_after, turns - 1)
            return
        try:
            while self._waiting and isinstance(message := self._waiting[0], Event):
                self._waiting.popleft()
                self._on_event(message)
            while self._waiting and not isinstance(message := self._waiting[0], Event):
                self._waiting.popleft()
                self._on_answer(message)
        finally:  # one that could not be handled must not hold up those behind it
            if self._waiting:
                self._deliver_after(_EVENT_DELAY_TURNS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_lost()
