"""A room: its peers, and the router that carries their media."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine
from typing import Protocol, TypeVar

from miso.controller import DataProducer, InvalidStateError, PlainTransport, Producer, WebRtcTransport
from miso.demo.json import Json
from miso.demo.rooms.bot import Bot
from miso.demo.rooms.broadcaster import Broadcaster
from miso.demo.rooms.consuming import channel_of, create_consumers, create_data_consumer
from miso.demo.rooms.participant import Participant
from miso.demo.rooms.peer_secrets import PeerSecrets
from miso.demo.rooms.session import PeerSession
from miso.demo.rooms.shared_by_rooms import SharedByRooms
from miso.demo.rooms.speakers import Observers, Speakers, create_observers
from miso.demo.rooms.visitor import Visitor
from miso.demo.workers.media_workers import RoomMedia
from miso.protoo import Peer, RequestError, Transport
from miso.protoo import Room as ProtooRoom
from miso.protoo.transport import CLOSED_BY_SERVER, CLOSED_BY_SERVER_REASON

logger = logging.getLogger(__name__)

CHAT_LABEL = "chat"
"""What is sent under this label, everybody gets at once; under others, those who join later."""


class RoomListener(Protocol):
    """Who wants to know what happens in a room. It is called while it happens, and returns at once."""

    def producer_came(self, participant_id: str, producer: Producer) -> None:
        """Somebody sends something new."""

    def speaker_changed(self, participant_id: str) -> None:
        """Somebody else leads the conversation."""


TransportT = TypeVar("TransportT", PlainTransport, WebRtcTransport)

SERVICE_RESTART = 1012
"""WebSocket close code: come back at once (RFC 6455's registry)."""


class Room:
    """Peers and broadcasters who see and hear each other.

    Attributes:
        id: The room's name.
        router: Where its media meet.
        bot: Who answers on the data channel labelled ``bot``.
        broadcasters: Who sends and receives without a connection, by id.
        guests: Live streams that were brought in, by id.
        listeners: Who is told what is sent and who leads.
        speakers: Who listens for who speaks.
        shared: What it shares with the server's other rooms.
    """

    def __init__(
        self,
        room_id: str,
        media: RoomMedia,
        bot: Bot,
        observers: Observers,
        shared: SharedByRooms,
        *,
        consumer_replicas: int,
        on_close: Callable[[Room], None],
    ) -> None:
        """Use :meth:`create`."""
        self.id = room_id
        self.router = media.router
        self.bot = bot
        self.broadcasters: dict[str, Broadcaster] = {}
        self.guests: dict[str, Participant] = {}
        self.listeners: list[RoomListener] = []
        self.shared = shared
        self._media = media
        self._consumer_replicas = consumer_replicas
        self._on_close = on_close
        self._peers: ProtooRoom[None] = ProtooRoom(queues=shared.unsent)
        self._sessions: dict[Peer[None], PeerSession] = {}
        self._secrets = PeerSecrets(strict=shared.settings.strict_peer_ids)
        self.speakers = Speakers(observers, self.joined, self._tell_leader)
        self._closed = False
        self.router.on("workerclose", lambda: self.close(SERVICE_RESTART, "service restart"))

    @classmethod
    async def create(
        cls,
        room_id: str,
        media: RoomMedia,
        shared: SharedByRooms,
        *,
        consumer_replicas: int,
        on_close: Callable[[Room], None],
    ) -> Room:
        """Makes a room; its router closes when that fails.

        Args:
            room_id: Its name.
            media: Where its media meet.
            shared: What it shares with the server's other rooms.
            consumer_replicas: How many copies of each consumer are made beside the first, to load a client.
            on_close: Called when it has closed.

        Raises:
            ControllerError: The worker cannot, or has died.
        """
        router = media.router
        try:
            bot = await Bot.create(router)
            observers = await create_observers(router)
        except BaseException:
            router.close()
            raise
        if router.closed:
            raise InvalidStateError("the room's worker has died")
        return cls(room_id, media, bot, observers, shared, consumer_replicas=consumer_replicas, on_close=on_close)

    @property
    def closed(self) -> bool:
        """Whether the room is over."""
        return self._closed

    @property
    def sessions(self) -> list[PeerSession]:
        """Everybody who is connected."""
        return list(self._sessions.values())

    @property
    def is_empty(self) -> bool:
        """Whether nobody is connected, and there is no broadcaster and no live stream either."""
        return not self._peers.peers and not self.broadcasters and not self.guests

    def joined(self, *, but: Participant | None = None) -> list[PeerSession]:
        """Everybody who has joined, but one."""
        return [session for session in self.sessions if session.joined and session is not but]

    @property
    def participants(self) -> list[Participant]:
        """Everybody who is shown: who has joined, the broadcasters, and the live streams."""
        return [*self.joined(), *self.broadcasters.values(), *self.guests.values()]

    def check_place_for(self, visitor: Visitor) -> None:
        """Whether one more may come in.

        Raises:
            RequestError: The room is full, and nobody of that id is there to give its place; or the id is not its own.
        """
        try:
            self._secrets.check(visitor.peer_id, visitor.peer_secret, time.monotonic())
        except RequestError:
            self.shared.limits.refused("peer_secret", f"room={self.id} peer={visitor.peer_id}")
            raise
        most = self.shared.settings.max_peers_per_room
        if most and len(self._peers.peers) >= most and not self._peers.has_peer(visitor.peer_id):
            self.shared.limits.refused("peers_per_room", f"room={self.id}")
            raise RequestError(503, f"the room is full: {most} peers are allowed")
        if visitor.peer_id in self.broadcasters or visitor.peer_id in self.guests:
            raise RequestError(403, "a broadcaster or live stream of this room has that peerId")

    def connect(self, visitor: Visitor, transport: Transport) -> PeerSession:
        """Lets a peer in. One with the same id gives its place to it.

        Args:
            visitor: Who it is.
            transport: Its connection.
        """
        peer_id, address = visitor.peer_id, visitor.address
        peer = self._peers.create_peer(peer_id, transport, None, replace=True)
        logger.info("room=%s peer=%s connected from %s (%s)", self.id, peer_id, transport.remote_address, address)
        secret = self._secrets.enter(peer_id, visitor.peer_secret, time.monotonic())
        session = PeerSession(peer, visitor, self.id, secret, self.shared.settings, self.shared.metrics)
        self._sessions[peer] = session
        peer.on("close", lambda code, reason: self._left(session, code))
        return session

    def _left(self, session: PeerSession, code: int) -> None:
        """For a session whose peer closed with that code: the others hear of it first, then its media end."""
        logger.info("room=%s peer=%s left code=%d", self.id, session.id, code)
        del self._sessions[session.peer]
        session.end()
        if not self._sessions:
            self.shared.live_streams.left_alone(self.id)
        if self._closed:
            return
        if not self._peers.has_peer(session.id):
            self._secrets.leave(session.id, code, time.monotonic())
        if session.joined:
            PeerSession.notify_all(self.joined(but=session), "peerClosed", {"peerId": session.id})
        for transport in list(session.transports.values()):
            transport.close()
        self.close_if_empty()

    def add_broadcaster(self, broadcaster: Broadcaster) -> None:
        """Lets a broadcaster in, and shows it to everybody.

        Raises:
            RequestError: Its id is taken, or there are too many, here or of its address.
        """
        if self._has(broadcaster.id):
            raise RequestError(500, f'broadcaster with id "{broadcaster.id}" already exists')
        most = self.shared.settings.max_broadcasters_per_room
        if most and len(self.broadcasters) >= most:
            self.shared.limits.refused("broadcasters_per_room", f"room={self.id}")
            raise RequestError(503, f"the room is full: {most} broadcasters are allowed")
        self.shared.limits.pass_by("joins", broadcaster.address)
        if self._closed:
            raise RequestError(503, "the room has closed")
        self.broadcasters[broadcaster.id] = broadcaster
        logger.info("room=%s broadcaster=%s came from %s", self.id, broadcaster.id, broadcaster.address)
        self._show(broadcaster)

    def remove_broadcaster(self, broadcaster: Broadcaster) -> None:
        """Ends a broadcaster: everybody hears of it first, then its media end."""
        if self.broadcasters.get(broadcaster.id) is not broadcaster:
            return
        del self.broadcasters[broadcaster.id]
        logger.info("room=%s broadcaster=%s left", self.id, broadcaster.id)
        self._hide(broadcaster)
        broadcaster.close()
        self.close_if_empty()

    def add_guest(self, guest: Participant) -> None:
        """Lets a live stream in, and shows it to everybody.

        Raises:
            RequestError: Its id is taken, or the room has closed.
        """
        if self._closed:
            raise RequestError(503, "the room has closed")
        if self._has(guest.id):
            raise RequestError(500, f'"{guest.id}" is in the room already')
        self.guests[guest.id] = guest
        logger.info("room=%s guest=%s came", self.id, guest.id)
        self._show(guest)

    def remove_guest(self, guest: Participant) -> None:
        """A live stream leaves: everybody hears of it. Its media are its own to end."""
        if self.guests.get(guest.id) is not guest:
            return
        del self.guests[guest.id]
        logger.info("room=%s guest=%s left", self.id, guest.id)
        self._hide(guest)
        self.close_if_empty()

    def _has(self, participant_id: str) -> bool:
        return (
            participant_id in self.broadcasters or participant_id in self.guests or self._peers.has_peer(participant_id)
        )

    def _show(self, participant: Participant) -> None:
        for session in self.joined():
            session.notify("newPeer", {**participant.info, "peer": participant.info})

    def _hide(self, participant: Participant) -> None:
        for session in self.joined():
            session.notify("peerClosed", {"peerId": participant.id})

    async def offer(self, source: Participant, producer: Producer) -> None:
        """Offers a new producer to everybody else, before anything is waited for; a microphone is listened to."""
        for other in self.joined(but=source):
            self.give(other, source, producer)
        for listener in list(self.listeners):
            listener.producer_came(source.id, producer)
        if producer.kind == "audio":
            await self.speakers.add(producer)

    def _tell_leader(self, participant_id: str) -> None:
        for listener in list(self.listeners):
            listener.speaker_changed(participant_id)

    def give(self, session: PeerSession, source: Participant, producer: Producer) -> None:
        """Begins to give a participant what another one sends."""
        create_consumers(session, source, producer, self.router, 1 + self._consumer_replicas)

    def offer_data(self, source: Participant, data_producer: DataProducer) -> None:
        """Offers a new data producer to everybody else if it is of the chat; of others only who joins later hears."""
        if channel_of(data_producer) == CHAT_LABEL:
            for other in self.joined(but=source):
                create_data_consumer(other, source, data_producer)

    async def create_plain_transport(
        self, address: str, *, rtcp_mux: bool, comedia: bool, num_sctp_streams: object
    ) -> PlainTransport:
        """A transport for plain RTP; see :meth:`.MediaWorkers.create_plain_transport`.

        Raises:
            RequestError: The address has too many.
        """
        making = self.shared.workers.create_plain_transport(
            self._media, rtcp_mux=rtcp_mux, comedia=comedia, num_sctp_streams=num_sctp_streams
        )
        return await self._counted(address, making)

    async def create_transport(
        self, address: str, *, force_tcp: bool, num_sctp_streams: object, app_data: Json
    ) -> WebRtcTransport:
        """A transport for a peer from that address; see :meth:`.MediaWorkers.create_transport`.

        Raises:
            RequestError: The address has too many.
        """
        making = self.shared.workers.create_transport(
            self._media, force_tcp=force_tcp, num_sctp_streams=num_sctp_streams, app_data=app_data
        )
        return await self._counted(address, making)

    async def _counted(self, address: str, making: Coroutine[None, None, TransportT]) -> TransportT:
        """Makes a transport that counts for an address until it closes."""
        try:
            give_back = self.shared.limits.take("transports", address)
        except BaseException:
            making.close()
            raise
        try:
            transport = await making
        except BaseException:
            give_back()
            raise
        if transport.closed:
            give_back()
        transport.observer.once("close", give_back)
        return transport

    def close_if_empty(self) -> None:
        """Closes the room when nobody is here any more."""
        if not self._closed and self.is_empty:
            logger.info("room=%s is empty, closing it", self.id)
            self.close()

    def close(self, code: int = CLOSED_BY_SERVER, reason: str = CLOSED_BY_SERVER_REASON) -> None:
        """Ends the room.

        Args:
            code: WebSocket close code for who is still connected.
            reason: The reason that goes with it.
        """
        if self._closed:
            return
        self._closed = True
        self._peers.close(code, reason)
        for broadcaster in self.broadcasters.values():
            broadcaster.close()
        self.broadcasters.clear()
        self.guests.clear()
        self.router.close()
        self._on_close(self)

    def log_status(self) -> None:
        """One line on how many are here."""
        logger.info(
            "room=%s peers=%d joined=%d broadcasters=%d",
            *(self.id, len(self.sessions), len(self.joined()), len(self.broadcasters)),
        )
