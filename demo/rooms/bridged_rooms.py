"""The rooms as the bridge to live streams sees them (:mod:`miso.live.bridge.rooms`)."""

from __future__ import annotations

from collections.abc import Mapping

from miso.controller import DataProducer, Producer, Router
from miso.demo.json import Json
from miso.demo.rooms.room import Room
from miso.demo.rooms.rooms import Rooms
from miso.live.bridge.rooms import Guest, RoomClosedError, RoomListener
from miso.live.errors import RefusedError
from miso.protoo import RequestError

FLAG = "live"
"""What a live stream's ``device.flag`` says; browsers have the name of theirs there."""
_OURSELVES = "this server"
"""Whose rooms those are that are made for live streams, for the limits."""
_UNAVAILABLE = 503


class LiveGuest:
    """A live stream in a room: a participant without a connection.

    Attributes:
        id: How the others name it.
        producers: What it sends, by id; what closes leaves by itself.
        data_producers: None.
        info: How it is shown to the others.
    """

    def __init__(self, room: Room, guest: Guest) -> None:
        self._id = guest.id
        self.producers: dict[str, Producer] = {}
        self.data_producers: dict[str, DataProducer] = {}
        self.info: Json = {
            "id": guest.id,
            "peerId": guest.id,
            "displayName": guest.display_name,
            "device": {"flag": FLAG, "name": "live stream", "version": guest.stream},
        }
        self._room = room

    @property
    def id(self) -> str:
        """How the others name it."""
        return self._id

    @property
    def router(self) -> Router:
        """The room's."""
        return self._room.router

    async def offer(self, producer: Producer) -> None:
        """Offers something new to everybody."""
        self.producers[producer.id] = producer
        producer.observer.once("close", lambda: self.producers.pop(producer.id, None))
        await self._room.offer(self, producer)

    def leave(self) -> None:
        """It goes."""
        self._room.remove_guest(self)


class RoomView:
    """A look at a room."""

    def __init__(self, room: Room, listener: RoomListener) -> None:
        self._room = room
        self._listener = listener
        room.listeners.append(listener)

    @property
    def router(self) -> Router:
        """The room's."""
        return self._room.router

    @property
    def producers(self) -> Mapping[str, list[Producer]]:
        """What everybody sends, by participant."""
        return {one.id: list(one.producers.values()) for one in self._room.participants}

    def close(self) -> None:
        """Looks no more."""
        if self._listener in self._room.listeners:
            self._room.listeners.remove(self._listener)


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
