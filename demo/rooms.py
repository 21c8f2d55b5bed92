"""All rooms: who knocks is brought to the room it names."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator

from controller import ControllerError
from demo.limits import MAX_NAME_LENGTH
from demo.media import MediaWorkers
from demo.metrics import Metrics
from demo.room import SERVICE_RESTART, Room
from demo.settings import Settings
from protoo import ConnectionRequest, TransportClosedError

logger = logging.getLogger(__name__)

_CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Rooms:
    """The rooms, which come with their first peer and go with their last."""

    def __init__(self, workers: MediaWorkers, settings: Settings, metrics: Metrics) -> None:
        self._workers = workers
        self._settings = settings
        self._metrics = metrics
        self._rooms: dict[str, Room] = {}
        self._queues: dict[str, _Queue] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._rooms)

    @property
    def rooms(self) -> list[Room]:
        """The rooms."""
        return list(self._rooms.values())

    async def connect(self, request: ConnectionRequest) -> None:
        """Answers a protoo client: the room is made if it is not there yet. Clients of one room come in in order."""
        query = request.query
        room_id, peer_id = query.get("roomId"), query.get("peerId")
        if not room_id or not peer_id:
            request.reject(400, "Connection request without roomId and/or peerId")
            return
        if not _is_name(room_id) or not _is_name(peer_id):
            request.reject(400, "roomId and/or peerId is too long or has control characters")
            return
        replicas = min(_replicas(query.get("consumerReplicas", "")), self._settings.max_consumer_replicas)
        async with self._turn(room_id):
            if self._closed:  # clients that are sent away come back at once, while the port is still open
                request.reject(503, "service restart")
                return
            try:
                room = await self._get_or_create(room_id, replicas)
            except ControllerError as error:
                logger.warning("room=%s cannot be made: %s", room_id, error)
                request.reject(503, "no media worker at the moment")
                return
            try:
                transport = await request.accept()
                if room.closed and not self._closed:  # its last peer left, or its worker died, during the handshake
                    room = await self._get_or_create(room_id, replicas)
                if self._closed:
                    await transport.close(SERVICE_RESTART, "service restart")
                    return
                room.connect(peer_id, transport)
            except TransportClosedError:
                logger.debug("room=%s peer=%s gave up", room_id, peer_id)
            except ControllerError as error:
                logger.warning("room=%s cannot be made: %s", room_id, error)
                await transport.close(SERVICE_RESTART, "no media worker at the moment")
            finally:
                room.close_if_empty()

    def close(self) -> None:
        """Closes all rooms, with a code that brings the clients back when the server is back."""
        self._closed = True
        for room in self.rooms:
            room.close(SERVICE_RESTART, "service restart")

    async def _get_or_create(self, room_id: str, replicas: int) -> Room:
        room = self._rooms.get(room_id)
        if room is not None:
            return room
        media = await self._workers.give_to_room()
        room = Room(
            room_id,
            media,
            self._workers,
            self._settings,
            self._metrics,
            consumer_replicas=replicas,
            on_close=self._forget,
        )
        try:
            await room.start()
        except BaseException:
            room.close()
            raise
        self._rooms[room_id] = room
        if self._closed:
            room.close(SERVICE_RESTART, "service restart")
        logger.info("room=%s made, router=%s", room_id, media.router.id)
        return room

    def _forget(self, room: Room) -> None:
        if self._rooms.get(room.id) is room:
            del self._rooms[room.id]

    @contextlib.asynccontextmanager
    async def _turn(self, room_id: str) -> AsyncIterator[None]:
        """One after the other, in the order of coming; each room has a queue of its own."""
        queue = self._queues.setdefault(room_id, _Queue())
        queue.length += 1
        try:
            async with queue.lock:  # asyncio's lock is fair
                yield
        finally:
            queue.length -= 1
            if queue.length == 0:
                del self._queues[room_id]


class _Queue:
    """Who waits to come into a room."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.length = 0


def _is_name(text: str) -> bool:
    """Names are logged: a line break in one would let its owner write the log."""
    return len(text) <= MAX_NAME_LENGTH and _CONTROL_CHARACTERS.search(text) is None


def _replicas(text: str) -> int:
    """The number in a query; the reference's page sends the word "undefined" when it has none."""
    try:
        return max(0, int(text))
    except ValueError:
        return 0
