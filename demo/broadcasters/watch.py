"""Ends broadcasters that nothing is heard of any more, and rooms that were made for them and have nobody."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from miso.demo.rooms.room import Room
from miso.demo.rooms.rooms import Rooms

logger = logging.getLogger(__name__)

CHECKS_PER_TIMEOUT = 4
"""How often it is looked within one timeout: a broadcaster goes up to a quarter of it later."""


class BroadcasterWatch:
    """Looks now and then; a program that died does not say goodbye.

    Args:
        rooms: Where broadcasters are.
        timeout_s: How long one may be silent, a transport without a peer, and a room without anybody.
        time_s: The clock, in seconds.
    """

    def __init__(self, rooms: Rooms, timeout_s: float, time_s: Callable[[], float] = time.monotonic) -> None:
        self._rooms = rooms
        self._timeout_s = timeout_s
        self._time_s = time_s
        self._empty_since_s: dict[Room, float] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look."""
        self._task = asyncio.create_task(self._run())

    def close(self) -> None:
        """Ends it."""
        if self._task is not None:
            self._task.cancel()

    async def look(self) -> None:
        """Looks once at all rooms."""
        now_s = self._time_s()
        empty = {room: self._empty_since_s.get(room, now_s) for room in self._rooms.rooms if room.is_empty}
        self._empty_since_s = empty
        for room, since_s in list(empty.items()):
            if now_s - since_s >= self._timeout_s:
                room.close_if_empty()
        await asyncio.gather(*(self._look_at(room) for room in self._rooms.rooms))

    async def _look_at(self, room: Room) -> None:
        for broadcaster in list(room.broadcasters.values()):
            silent_s = await broadcaster.silent_s()
            if silent_s >= self._timeout_s:
                logger.info("room=%s broadcaster=%s silent for %.0f s", room.id, broadcaster.id, silent_s)
                room.remove_broadcaster(broadcaster)
                continue
            for transport in broadcaster.unused_transports(self._timeout_s):
                logger.info(
                    "room=%s broadcaster=%s transport=%s: no packet came", room.id, broadcaster.id, transport.id
                )
                transport.close()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._timeout_s / CHECKS_PER_TIMEOUT)
            try:
                await self.look()
            except Exception:  # the next look may go well, and nothing else ends who died
                logger.exception("looking for silent broadcasters failed")
