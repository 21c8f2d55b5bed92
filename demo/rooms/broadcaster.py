"""A participant without a connection: a program that sends into a room, or records from it, over plain RTP."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TypeVar

from miso.cluster.room import Member
from miso.controller import (
    Consumer,
    ControllerError,
    DataConsumer,
    DataProducer,
    PlainTransport,
    Producer,
    WebRtcTransport,
)
from miso.controller.types import RtpCapabilities
from miso.demo.json import Json
from miso.demo.limits.limiters import Making
from miso.demo.rooms.room_shard import RoomShard

logger = logging.getLogger(__name__)

FLAG = "broadcaster"
"""What a broadcaster's ``device.flag`` says; browsers have the name of theirs there."""

MAX_OBJECTS = 16
"""Transports of a broadcaster, and its producers, consumers, data producers and data consumers."""

MAX_AWAITED = 64
"""Of so many sources that it was sent, and that have gone, it is looked whether they come back: their host may."""

BroadcasterTransport = PlainTransport | WebRtcTransport
Closable = TypeVar("Closable", PlainTransport | WebRtcTransport, Producer, Consumer, DataProducer, DataConsumer)


class Broadcaster:
    """What one program has in a room.

    It is alive as long as something is heard of it: packets from its side, or requests that name it.

    Attributes:
        address: Where it came from, for the limits of its address.
        display_name: What it is called.
        device: The program; ``flag`` is always :data:`FLAG`.
        rtp_capabilities: What it can receive; None: nothing.
        transports, producers, consumers, data_producers, data_consumers: By id; what closes leaves by itself.
        making: How many of them there may be.
        shard: Where in the room its media are; None: it is in no room.
        member: What the room is told of it.

    Args:
        time_s: The clock, in seconds.
        refused: Told when it wants more of something than :data:`MAX_OBJECTS`.
    """

    def __init__(
        self,
        broadcaster_id: str,
        address: str,
        *,
        display_name: str,
        device: Json,
        rtp_capabilities: RtpCapabilities | None,
        time_s: Callable[[], float],
        refused: Callable[[], None],
    ) -> None:
        self._id = broadcaster_id
        self.address = address
        self.display_name = display_name
        self.device = {**device, "flag": FLAG}
        self.rtp_capabilities = rtp_capabilities
        self.transports: dict[str, BroadcasterTransport] = {}
        self.producers: dict[str, Producer] = {}
        self.consumers: dict[str, Consumer] = {}
        self.data_producers: dict[str, DataProducer] = {}
        self.data_consumers: dict[str, DataConsumer] = {}
        self.making = Making(MAX_OBJECTS, lambda what: refused())
        self.closed = False
        self.shard: RoomShard | None = None
        self.member: Member | None = None
        self._time_s = time_s
        self._heard_s = time_s()
        self._received_bytes: dict[str, int] = {}
        self._made_s: dict[str, float] = {}
        self._awaited: deque[tuple[str, Callable[[], None]]] = deque(maxlen=MAX_AWAITED)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def id(self) -> str:
        """Its id, which it chose itself."""
        return self._id

    @property
    def info(self) -> Json:
        """How it is shown to the others."""
        return {"id": self.id, "peerId": self.id, "displayName": self.display_name, "device": self.device}

    def heard(self) -> None:
        """It has asked for something."""
        self._heard_s = self._time_s()

    def keep(self, kept: dict[str, Closable], new: Closable) -> None:
        """Keeps something new until it closes."""
        kept[new.id] = new
        new.observer.once("close", lambda: kept.pop(new.id, None))

    def wait_for(self, source: str, then: Callable[[], None]) -> None:
        """Calls back when a source is there again."""
        self._awaited.append((source, then))

    def source_came(self, source: str) -> None:
        """Somebody in the room sends it from now on."""
        for _ in range(len(self._awaited)):
            awaited, then = self._awaited.popleft()
            if awaited == source:
                then()
            else:
                self._awaited.append((awaited, then))

    def start_task(self, work: Coroutine[None, None, None]) -> None:
        """Runs something until it is done, or the broadcaster ends."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def watch(self, transport: BroadcasterTransport) -> None:
        """Looks from now on for what comes over a new transport."""
        self._made_s[transport.id] = self._time_s()
        transport.observer.once("close", lambda: self._forget_transport(transport.id))

    async def silent_s(self) -> float:
        """Since when nothing was heard of it, in seconds; asks the worker what has come."""
        for transport in list(self.transports.values()):
            try:
                received = sum(stat.bytes_received for stat in await transport.get_stats())
            except ControllerError as error:  # it closes at this moment
                logger.debug("transport=%s has no statistics: %s", transport.id, error)
                continue
            if received > self._received_bytes.get(transport.id, 0):
                self.heard()
            self._received_bytes[transport.id] = received
        return self._time_s() - self._heard_s

    def unused_transports(self, timeout_s: float) -> list[PlainTransport]:
        """Transports that wait longer than that for a first packet, to learn from it where to send."""
        now_s = self._time_s()
        return [
            transport
            for transport in self.transports.values()
            if isinstance(transport, PlainTransport)
            and transport.app_data.get("comedia")
            and transport.tuple.remote_ip is None
            and now_s - self._made_s[transport.id] >= timeout_s
        ]

    def close(self) -> None:
        """Ends all that it has; what waits for an answer learns from ``closed``."""
        self.closed = True
        for task in self._tasks:
            task.cancel()
        for transport in list(self.transports.values()):
            transport.close()

    def _forget_transport(self, transport_id: str) -> None:
        self._received_bytes.pop(transport_id, None)
        self._made_s.pop(transport_id, None)
