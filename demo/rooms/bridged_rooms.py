"""The rooms as the bridge to live streams sees them (:mod:`miso.live.bridge.rooms`)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from miso.cluster.errors import ClusterError, SourceLateError
from miso.cluster.facts import ProducerFact, Source
from miso.cluster.room import Member
from miso.cluster.shard.wants import Lease
from miso.controller import ControllerError, Producer, Router
from miso.demo.json import Json
from miso.demo.rooms.room import Room
from miso.demo.rooms.room_shard import RoomShard
from miso.demo.rooms.rooms import Rooms
from miso.live.bridge.rooms import Guest, RoomClosedError, RoomListener
from miso.live.errors import RefusedError
from miso.protoo import RequestError

logger = logging.getLogger(__name__)

FLAG = "live"
"""What a live stream's ``device.flag`` says; browsers have the name of theirs there."""
_OURSELVES = "this server"
"""Whose rooms those are that are made for live streams, for the limits."""
_UNAVAILABLE = 503


class LiveGuest:
    """A live stream in a room: a participant without a connection.

    Attributes:
        info: How it is shown to the others.
        shard: Where in the room it is.
        member: What the room is told of it.
    """

    def __init__(self, room: Room, guest: Guest) -> None:
        self._id = guest.id
        self.info: Json = {
            "id": guest.id,
            "peerId": guest.id,
            "displayName": guest.display_name,
            "device": {"flag": FLAG, "name": "live stream", "version": guest.stream},
        }
        self.shard: RoomShard | None = None
        self.member: Member | None = None
        self._room = room

    @property
    def id(self) -> str:
        """How the others name it."""
        return self._id

    @property
    def router(self) -> Router:
        """Where it is in the room."""
        assert self.shard is not None, "it has been let in"
        return self.shard.router

    async def offer(self, producer: Producer) -> None:
        """Offers something new to everybody."""
        await self._room.offer(self, producer)

    def leave(self) -> None:
        """It goes."""
        self._room.remove_guest(self)


class RoomView:
    """A look at a room, at one of its shards: what arrives at others comes there over a pipe."""

    def __init__(self, room: Room, listener: RoomListener) -> None:
        self._room = room
        self._listener = listener
        self._shard = room.shards.look_in()
        self._closed = False
        self._leases: dict[str, Lease[Producer]] = {}
        self._fetching: set[asyncio.Task[None]] = set()
        room.listeners.append(self)
        for seen in room.participants:
            for located in room.cluster.facts.sources_of(seen.fact.participant):
                if isinstance(located.fact, ProducerFact) and not self._is_here(located.fact):
                    self._start_to_fetch(located.fact)

    @property
    def router(self) -> Router:
        """The shard's."""
        return self._shard.router

    @property
    def producers(self) -> Mapping[str, list[Producer]]:
        """What everybody sends, by participant, as far as it is there."""
        facts = self._room.cluster.facts
        return {
            seen.fact.participant: [
                producer
                for located in facts.sources_of(seen.fact.participant)
                if (producer := self._shard.router.producer(located.fact.id)) is not None
            ]
            for seen in self._room.participants
        }

    def source_came(self, source: Source) -> None:
        """Somebody in the room sends something new."""
        if not isinstance(source, ProducerFact):
            return
        producer = self._shard.router.producer(source.id) if self._is_here(source) else None
        if producer is not None:
            self._listener.producer_came(source.participant, producer)
        else:
            self._start_to_fetch(source)

    def speaker_changed(self, participant_id: str) -> None:
        """Somebody else leads in the room."""
        self._listener.speaker_changed(participant_id)

    def close(self) -> None:
        """Looks no more."""
        if self._closed:
            return
        self._closed = True
        self._room.listeners.remove(self)
        for task in self._fetching:
            task.cancel()
        for lease in self._leases.values():
            lease.release()
        self._leases.clear()
        self._room.shards.looked(self._shard)

    def _is_here(self, source: ProducerFact) -> bool:
        return source.shard == self._shard.id

    def _start_to_fetch(self, source: ProducerFact) -> None:
        task = asyncio.create_task(self._fetch(source))
        self._fetching.add(task)
        task.add_done_callback(self._fetching.discard)

    async def _fetch(self, source: ProducerFact) -> None:
        lease = None
        try:
            while lease is None:
                try:
                    lease = await self._shard.fetch(source.id)
                except SourceLateError as error:
                    logger.info("room=%s %s: it is waited for", self._room.id, error)
        except (ControllerError, ClusterError) as error:
            logger.info("room=%s producer=%s cannot be had: %s", self._room.id, source.id, error)
            return
        if source.id in self._leases:  # it has left and come back meanwhile
            lease.release()
            return
        self._leases[source.id] = lease
        lease.producer.observer.once("close", lambda: self._lost(source.id))
        self._listener.producer_came(source.participant, lease.producer)

    def _lost(self, source_id: str) -> None:
        """It is not there any more; when it is still sent, only the pipe over which it came was made anew."""
        lease = self._leases.pop(source_id, None)
        if lease is not None:
            lease.release()
        source = self._shard.elsewhere(source_id)
        if isinstance(source, ProducerFact) and not self._closed:
            self._start_to_fetch(source)


class BridgedRooms:
    """All rooms of a server, for the bridge.

    Args:
        rooms: The rooms.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def enter(self, room_id: str, guest: Guest) -> LiveGuest:
        """Lets a live stream in; see :meth:`miso.live.bridge.rooms.Rooms.enter`."""
        try:
            room = await self._rooms.room_for_program(room_id, _OURSELVES)
        except RequestError as error:
            if error.code == _UNAVAILABLE:
                raise RoomClosedError(error.reason) from error
            raise RefusedError(error.reason) from error
        live_guest = LiveGuest(room, guest)
        try:
            room.add_guest(live_guest)
        except RequestError as error:
            raise RefusedError(error.reason) from error
        finally:
            room.close_if_empty()
        return live_guest

    def view(self, room_id: str, listener: RoomListener) -> RoomView:
        """Looks at a room; see :meth:`miso.live.bridge.rooms.Rooms.view`."""
        room = next((room for room in self._rooms.rooms if room.id == room_id), None)
        if room is None or room.closed:
            raise RoomClosedError(f"there is no room {room_id!r} at the moment")
        return RoomView(room, listener)
