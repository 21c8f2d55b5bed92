"""All rooms of the server: brings each client to the room that it names, and makes that when there is none."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import re
from collections.abc import AsyncIterator, Callable

from miso.cluster.directory.directory import Directory
from miso.cluster.shard.settings import ShardSettings
from miso.controller import ControllerError
from miso.demo.hosts.moving import Moving
from miso.demo.json import Json
from miso.demo.limits.limiters import Places
from miso.demo.limits.per_address import AddressLimits
from miso.demo.limits.per_client import MAX_NAME_LENGTH, TOO_MANY
from miso.demo.metrics import Metrics
from miso.demo.rooms.latest_news import LatestPerInterval
from miso.demo.rooms.live_streams import Bridges, LiveStreams
from miso.demo.rooms.requests.dispatcher import RequestDispatcher
from miso.demo.rooms.room import SERVICE_RESTART, Room
from miso.demo.rooms.session import PeerSession
from miso.demo.rooms.shared_by_rooms import SharedByRooms
from miso.demo.rooms.visitor import Visitor
from miso.demo.settings import Settings
from miso.demo.workers.media_workers import MediaWorkers
from miso.demo.workers.network_throttle import NetworkThrottle
from miso.protoo import ConnectionRequest, Peer, RequestError, SendQueues, TransportClosedError

logger = logging.getLogger(__name__)

TRY_AGAIN_LATER = 1013
"""WebSocket close code (RFC 6455's registry)."""
SERVERS_INTERVAL_S = 2.0
"""People are told of other servers that come and go at most so often, in seconds."""
UNAVAILABLE = 503
BAD_REQUEST = 400

_CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Rooms:
    """The rooms, which come with their first peer and go with their last.

    Attributes:
        shared: What they share.

    Args:
        workers: Where media is done.
        settings: The server's settings.
        metrics: What operators see.
        bridges: What brings live streams in; None: nothing does at the moment.
        directory: What all servers of the cluster have of their rooms.
        shard_settings: How the parts of rooms are joined.
        moving: Which other servers clients are sent to.
        limits: How much an address may have.
    """

    def __init__(
        self,
        workers: MediaWorkers,
        settings: Settings,
        metrics: Metrics,
        bridges: Callable[[], Bridges | None],
        directory: Directory,
        shard_settings: ShardSettings,
        moving: Moving,
        limits: AddressLimits,
    ) -> None:
        secret = settings.network_throttle_secret
        self.shared = SharedByRooms(
            workers,
            directory,
            shard_settings,
            moving,
            settings,
            metrics,
            limits,
            SendQueues(settings.max_unsent_bytes),
            NetworkThrottle(
                secret.get_secret_value() if secret is not None else None,
                [address.ip for address in workers.addresses],
                lambda: workers.media_ports,
            ),
            LiveStreams(bridges, limits),
        )
        self._settings = settings
        self._places = Places(settings.max_rooms or math.inf)
        self._rooms: dict[str, Room] = {}
        self._queues: dict[str, _Queue] = {}
        self._known_servers: list[str] = []
        self._servers_told = LatestPerInterval(SERVERS_INTERVAL_S, self._tell_servers)
        self._closed = False

    def __len__(self) -> int:
        return len(self._rooms)

    @property
    def draining(self) -> bool:
        """Whether nobody is let in any more, since this server of a cluster ends."""
        return self.shared.moving.draining

    @property
    def rooms(self) -> list[Room]:
        """The rooms."""
        return list(self._rooms.values())

    async def connect(self, request: ConnectionRequest) -> None:
        """Answers a protoo client: the room is made if it is not there yet. Clients of one room come in in order."""
        visitor = Visitor.of(request, self._settings)
        room_id = visitor.query.get("roomId", "")
        if not room_id or not visitor.peer_id:
            request.reject(400, "Connection request without roomId and/or peerId")
            return
        if not is_name(room_id) or not is_name(visitor.peer_id):
            request.reject(400, "roomId and/or peerId is too long or has control characters")
            return
        try:
            give_back = self.shared.limits.take("connections", visitor.address)
        except RequestError as error:
            request.reject(error.code or TOO_MANY, error.reason)
            return
        session = None
        try:
            async with self._turn(room_id):
                session = await self._enter(request, room_id, visitor)
        finally:
            if session is None:
                give_back()
            else:
                session.on_left(give_back)

    async def _enter(self, request: ConnectionRequest, room_id: str, visitor: Visitor) -> PeerSession | None:
        """Lets a client into its room; None when it was turned away, or gave up."""
        replicas = min(visitor.consumer_replicas, self._settings.max_consumer_replicas)
        if self._closed:  # clients that are sent away come back at once, while the port is still open
            request.reject(UNAVAILABLE, "service restart")
            return None
        told = self.shared.moving.told_to(visitor.query)
        if told is not None:
            await self._turn_away(request, visitor, told)
            return None
        if self.draining:
            request.reject(UNAVAILABLE, "this server is about to end: try again, at another one")
            return None
        try:
            room = await self.get_or_create(room_id, visitor.address, replicas=replicas)
            room.check_place_for(visitor)
        except RequestError as error:
            request.reject(error.code or UNAVAILABLE, error.reason)
            return None
        except ControllerError as error:
            logger.warning("room=%s cannot be made: %s", room_id, error)
            request.reject(UNAVAILABLE, "no media worker at the moment")
            return None
        try:
            transport = await request.accept()
            if room.closed and not self._closed:  # its last peer left, or its worker died, during the handshake
                room = await self.get_or_create(room_id, visitor.address, replicas=replicas)
            if self._closed:
                await transport.close(SERVICE_RESTART, "service restart")
                return None
            room.check_place_for(visitor)  # once more: a broadcaster may have come during the handshake
            session = room.connect(visitor, transport)
            RequestDispatcher(session, room, self.shared.metrics)
            return session
        except TransportClosedError:
            logger.debug("room=%s peer=%s gave up", room_id, visitor.peer_id)
        except RequestError as error:
            await transport.close(TRY_AGAIN_LATER, error.reason)
        except ControllerError as error:
            logger.warning("room=%s cannot be made: %s", room_id, error)
            await transport.close(SERVICE_RESTART, "no media worker at the moment")
        finally:
            room.close_if_empty()
        return None

    async def _turn_away(self, request: ConnectionRequest, visitor: Visitor, told: Json) -> None:
        """Sends a client to another server; browsers see nothing of a connection that is not accepted."""
        with contextlib.suppress(TransportClosedError):
            peer = Peer(visitor.peer_id, await request.accept(), None)
            peer.notify("moved", told)
            peer.close(SERVICE_RESTART, "another server has more room")
            logger.info("peer=%s is sent to %s", visitor.peer_id, told["url"])

    def send_away(self, session: PeerSession) -> None:
        """Tells a client to come again: at another server if there is one, else here when this one is back."""
        told = self.shared.moving.told_to(session.visitor.query)
        if told is not None:
            session.notify("moved", told)
        session.peer.close(SERVICE_RESTART, "this server ends")

    def tell_servers(self) -> None:
        """Tells everybody who has joined where else the cluster is found, if that has changed since they were told."""
        servers = self.shared.moving.servers
        if servers != self._known_servers:
            self._known_servers = servers
            self._servers_told.offer(servers)

    def _tell_servers(self, servers: list[str]) -> None:
        joined = [session for session in self.sessions if session.joined]
        PeerSession.notify_all(joined, "serversChanged", {"servers": servers})

    @property
    def sessions(self) -> list[PeerSession]:
        """Everybody who is connected."""
        return [session for room in self.rooms for session in room.sessions]

    def close(self) -> None:
        """Closes all rooms, with a code that brings the clients back when the server is back."""
        self._closed = True
        self._servers_told.close()
        for room in self.rooms:
            room.close(SERVICE_RESTART, "service restart")

    async def get_or_create(self, room_id: str, address: str, *, replicas: int = 0) -> Room:
        """The room of that name. The caller makes sure that nobody else asks for the same one meanwhile.

        Args:
            room_id: Its name.
            address: Who asks, as the limits know it.
            replicas: How many more consumers of each stream there are to be if the room is new.

        Raises:
            RequestError: It would be one too many.
            ControllerError: No worker can have it.
        """
        room = self._rooms.get(room_id)
        if room is not None:
            return room
        give_back = self.shared.limits.take("rooms", address)
        if not self._places.take():
            give_back()
            self.shared.limits.refused("rooms", "this server")
            raise RequestError(UNAVAILABLE, "too many rooms on this server")

        def forget(room: Room) -> None:
            give_back()
            self._places.give_back()
            if self._rooms.get(room.id) is room:
                del self._rooms[room.id]

        try:
            room = await Room.create(room_id, self.shared, consumer_replicas=replicas, on_close=forget)
        except BaseException:
            give_back()
            self._places.give_back()
            raise
        self._rooms[room_id] = room
        if self._closed:
            room.close(SERVICE_RESTART, "service restart")
        logger.info("room=%s made", room_id)
        return room

    async def room_for_program(self, room_id: str, address: str) -> Room:
        """The room of that name for who comes over HTTP; it is made if it is not there yet.

        Args:
            room_id: Its name.
            address: Who asks, as the limits know it.

        Raises:
            RequestError: The name is of no use, it would be one too many, or no worker can have it.
        """
        if not is_name(room_id):
            raise RequestError(BAD_REQUEST, "roomId is too long or has control characters")
        async with self._turn(room_id):
            if self._closed:
                raise RequestError(UNAVAILABLE, "service restart")
            try:
                return await self.get_or_create(room_id, address)
            except ControllerError as error:
                logger.warning("room=%s cannot be made: %s", room_id, error)
                raise RequestError(UNAVAILABLE, "no media worker at the moment") from error

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


def is_name(text: str) -> bool:
    """Names are logged: a line break in one would let its owner write the log."""
    return len(text) <= MAX_NAME_LENGTH and _CONTROL_CHARACTERS.search(text) is None
