"""What happens on the live side, for who wants to be told: webhooks, pages, plugins."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from miso.live.errors import LimitError

logger = logging.getLogger(__name__)

MAX_SUBSCRIBERS: Final = 1_000
"""Who is told at once."""
MAX_WAITING: Final = 10_000
"""Events that are brought about by who is told of others, and wait for their turn; more are dropped and counted."""


class EventKind(Enum):
    """What happened.

    PUBLISH: A publisher has begun.
    UNPUBLISH: It has ended.
    PLAY: A player has begun.
    STOP: It has ended.
    CODEC: A stream's track has its codec, or another one.
    """

    PUBLISH = "publish"
    UNPUBLISH = "unpublish"
    PLAY = "play"
    STOP = "stop"
    CODEC = "codec"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        kind: What.
        at_s: When, as Unix time.
        path: On which stream.
        session_id: Whose doing it was; empty: nobody's in particular.
        protocol: By which protocol; empty as above.
        address: From which IP address; empty as above.
        details: What else there is to say, by name. Of an end: ``reason``, ``detail``, ``started_s``, ``bytes_in``,
            ``bytes_out``, ``dropped_packets``. Of a codec: ``track`` (``video``; ``video/1`` and so on), ``codec`` (its
            FourCC) and, as far as they are known, what :class:`~miso.live.media.description.TrackDescription` has.
    """

    kind: EventKind
    at_s: float
    path: str
    session_id: str = ""
    protocol: str = ""
    address: str = ""
    details: Mapping[str, str | int | float] = field(default_factory=dict)


class Events:
    """Tells everybody who has subscribed, in the order in which things happen.

    Attributes:
        dropped: How many events nobody was told of; see ``MAX_WAITING``.
        failures: How often a subscriber has raised.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self.failures = 0
        self._subscribers: list[_Subscriber] = []
        self._waiting: deque[Event] = deque()
        self._telling = False

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Calls back with each event from now on.

        Args:
            callback: Returns at once: it is called while things happen. What takes time goes into a queue of its own.
                If it raises, that is logged and counted, and nobody else notices.

        Returns:
            Ends it; calling it again does nothing.

        Raises:
            LimitError: There are ``MAX_SUBSCRIBERS``.
        """
        if len(self._subscribers) >= MAX_SUBSCRIBERS:
            raise LimitError(f"{MAX_SUBSCRIBERS} are told of events, more are not allowed")
        entry = _Subscriber(callback)
        self._subscribers.append(entry)

        def unsubscribe() -> None:
            if entry in self._subscribers:
                self._subscribers.remove(entry)

        return unsubscribe

    def emit(self, event: Event) -> None:
        """Tells of an event. What this brings about is told of after it, to everybody in the same order."""
        if len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        self._waiting.append(event)
        if self._telling:
            return
        self._telling = True
        try:
            while self._waiting:
                self._tell(self._waiting.popleft())
        finally:
            self._telling = False

    def _tell(self, event: Event) -> None:
        for subscriber in list(self._subscribers):
            try:
                subscriber(event)
            except Exception:  # an edge: a bug of one who listens costs that one this event
                self.failures += 1
                logger.exception("event %s of %s: %r failed", event.kind.value, event.path, subscriber)


class _Subscriber:
    """One subscription: the same callback may be there twice."""

    def __init__(self, callback: Callable[[Event], None]) -> None:
        self._callback = callback

    def __repr__(self) -> str:
        return repr(self._callback)

    def __call__(self, event: Event) -> None:
        self._callback(event)
