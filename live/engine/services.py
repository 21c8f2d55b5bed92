"""What the live side's plugins share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from miso.live.access.gate import Gate
from miso.live.clock import Clock
from miso.live.engine.settings import LiveSettings
from miso.live.sessions.events import Events
from miso.live.sessions.sessions import Sessions
from miso.live.streams.registry import Streams


@dataclass(frozen=True, slots=True)
class Live:
    """What every plugin is given.

    Attributes:
        streams: All streams, by path.
        sessions: Who publishes and plays.
        gate: Who may.
        events: What happens.
        clock: The time for whatever waits: the event loop, in use.
        unix_s: Unix time, for people and tokens.
        settings: Of the whole live side. A plugin is given its own section beside them.
    """

    streams: Streams
    sessions: Sessions
    gate: Gate
    events: Events
    clock: Clock
    unix_s: Callable[[], float]
    settings: LiveSettings


def make_live(settings: LiveSettings, clock: Clock, unix_s: Callable[[], float]) -> Live:
    """Makes them all.

    Args:
        settings: Of the live side.
        clock: The time for whatever waits.
        unix_s: Unix time.
    """
    events = Events()
    return Live(
        streams=Streams(settings.streams.of_each(), clock, settings.streams.max_streams),
        sessions=Sessions(settings.sessions, events, unix_s),
        gate=Gate(settings.access, unix_s),
        events=events,
        clock=clock,
        unix_s=unix_s,
        settings=settings,
    )
