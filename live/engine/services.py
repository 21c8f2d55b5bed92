"""What the live side's plugins share."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from miso.live.access.gate import Gate
from miso.live.broadcast.broadcasts import Broadcasts
from miso.live.clock import Clock
from miso.live.engine.codec_event import codec_event
from miso.live.engine.metrics import LiveCollector
from miso.live.engine.settings import LiveSettings
from miso.live.operators.operators import Operators
from miso.live.sessions.events import Events
from miso.live.sessions.sessions import Sessions
from miso.live.streams.memory import Memory
from miso.live.streams.registry import Streams
from miso.live.streams.stream import Stream
from miso.live.streams.track import Track
from miso.live.web.web import Web


@dataclass(frozen=True, slots=True)
class Live:
    """What every plugin is given.

    Attributes:
        streams: All streams, by path.
        memory: What streams and broadcasts keep, and may.
        sessions: Who publishes and plays.
        broadcasts: Sends streams to players: each packet is framed once for all of a format.
        gate: Who may.
        operators: Who may see and end what others do.
        events: What happens.
        web: What plugins serve over HTTP.
        ports: Where plugins listen, by ``rtmp``, ``rtmps``, ``http``, ``https``; each enters what it opens, and takes
            it out at its end.
        clock: The time for whatever waits: the event loop, in use.
        unix_s: Unix time, for people and tokens.
        metrics: What operators see of it. A plugin registers its own collectors there, and takes them out at its end.
        id: No other server has it: by it streams that go in circles are known.
        settings: Of the whole live side. A plugin is given its own section beside them.
    """

    streams: Streams
    memory: Memory
    sessions: Sessions
    broadcasts: Broadcasts
    gate: Gate
    operators: Operators
    events: Events
    web: Web
    ports: dict[str, int]
    clock: Clock
    unix_s: Callable[[], float]
    metrics: CollectorRegistry
    settings: LiveSettings
    id: str


def make_live(settings: LiveSettings, clock: Clock, unix_s: Callable[[], float]) -> Live:
    """Makes them all.

    Args:
        settings: Of the live side.
        clock: The time for whatever waits.
        unix_s: Unix time.
    """
    events = Events()

    def tell_codec(stream: Stream, track: Track) -> None:
        events.emit(codec_event(stream.path, track, unix_s()))

    memory = Memory(settings.streams.max_memory)
    streams = Streams(settings.streams.of_each(), clock, settings.streams.max_streams, tell_codec, memory)
    sessions = Sessions(settings.sessions, events, unix_s)
    gate = Gate(settings.access, unix_s)
    metrics = CollectorRegistry()
    metrics.register(LiveCollector(streams, memory, sessions, gate, events))
    return Live(
        streams=streams,
        memory=memory,
        sessions=sessions,
        broadcasts=Broadcasts(settings.players, clock, memory),
        gate=gate,
        operators=Operators(settings.operators, settings.web.trusted_proxies),
        events=events,
        web=Web(settings.web.trusted_proxies),
        ports={},
        clock=clock,
        unix_s=unix_s,
        metrics=metrics,
        settings=settings,
        id=secrets.token_hex(8),
    )
