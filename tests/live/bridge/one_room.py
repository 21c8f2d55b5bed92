"""A room with a real router, and whoever a test puts into it: the least that the bridge needs of rooms."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from miso.controller import Producer, Router
from miso.live.bridge.rooms import Guest, RoomClosedError, RoomListener
from tests.live.bridge.camera import Camera


class OneRoom:
    """Rooms, a room, a guest's seat and a view in one.

    Attributes:
        people: What everybody in it sends.
        offered: What its guest has offered.
        has_left: Whether the guest has gone.
        is_there: Whether there is such a room at all.
    """

    def __init__(self, router: Router) -> None:
        self.router = router
        self.people: dict[str, list[Producer]] = {}
        self.listeners: list[RoomListener] = []
        self.offered: asyncio.Queue[Producer] = asyncio.Queue()
        self.has_left = False
        self.is_there = True

    async def enter(self, room_id: str, guest: Guest) -> OneRoom:
        if self.router.closed:
            raise RoomClosedError("no worker")
        self.has_left = False
        return self

    async def offer(self, producer: Producer) -> None:
        self.offered.put_nowait(producer)

    def leave(self) -> None:
        self.has_left = True

    @property
    def producers(self) -> Mapping[str, list[Producer]]:
        return {name: [one for one in own if not one.closed] for name, own in self.people.items()}

    def view(self, room_id: str, listener: RoomListener) -> OneRoom:
        if self.router.closed or not self.is_there:
            raise RoomClosedError("there is no such room")
        self.listeners.append(listener)
        return self

    def close(self) -> None:
        """As a view: its listeners are told a little longer, which does no harm."""

    def put(self, name: str, producers: list[Producer]) -> None:
        self.people[name] = producers
        for listener in self.listeners:
            for producer in producers:
                listener.producer_came(name, producer)

    async def camera(self, name: str, *, sound: bool = True, pictures: bool = True) -> Camera:
        one = Camera(self.router, name)
        await one.open(sound=sound, pictures=pictures)
        self.put(name, one.producers)
        return one
