"""A room: its peers, and the router that carries their media."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine
from typing import Final, TypeVar

from miso.controller import (
    ActiveSpeakerObserver,
    ActiveSpeakerObserverDominantSpeaker,
    AudioLevelObserver,
    AudioLevelObserverVolume,
    ControllerError,
    DataProducer,
    PlainTransport,
    Producer,
    Router,
    WebRtcTransport,
)
from miso.demo.broadcasters.broadcaster import Broadcaster
from miso.demo.limits.per_address import AddressLimits
from miso.demo.metrics import Metrics
from miso.demo.rooms.bot import Bot
from miso.demo.rooms.consuming import channel_of, create_consumers, create_data_consumer
from miso.demo.rooms.participant import Participant
from miso.demo.rooms.peer_secrets import PeerSecrets
from miso.demo.rooms.requests import data as data_requests
from miso.demo.rooms.requests import media as media_requests
from miso.demo.rooms.requests import room as room_requests
from miso.demo.rooms.requests import throttle as throttle_requests
from miso.demo.rooms.requests.messages import Json
from miso.demo.rooms.session import PeerSession
from miso.demo.rooms.visitor import Visitor
from miso.demo.settings import Settings
from miso.demo.workers.media_workers import MediaWorkers, RoomMedia
from miso.demo.workers.network_throttle import NetworkThrottle
from miso.protoo import RequestError, SendQueues, Transport
from miso.protoo import Room as ProtooRoom
from miso.protoo.transport import CLOSED_BY_SERVER, CLOSED_BY_SERVER_REASON

logger = logging.getLogger(__name__)

HANDLERS: Final = (data_requests, media_requests, room_requests, throttle_requests)
"""The modules that fill the table of requests."""

CHAT_LABEL = "chat"
"""What is sent under this label, everybody gets at once; under others, those who join later."""

TransportT = TypeVar("TransportT", PlainTransport, WebRtcTransport)

MAX_SPEAKERS = 10
"""Clients of 2026 are told of so many who speak at the same time, others of the loudest."""

SERVICE_RESTART = 1012
"""WebSocket close code: come back at once (RFC 6455's registry)."""


class Room:
    """Peers who see and hear each other.

    Attributes:
        id: The room's name.
        router: Where its media meet.
        bot: Who answers on the data channel labelled ``bot``; there once the room has started.
        broadcasters: Who sends and receives without a connection, by id.
        consumer_replicas: How many copies of each consumer are made beside the first, to load a client.
        settings, metrics, limits, throttle: The server's.
    """

    def __init__(
        self,
        room_id: str,
        media: RoomMedia,
        workers: MediaWorkers,
        settings: Settings,
        metrics: Metrics,
        limits: AddressLimits,
        queues: SendQueues,
        throttle: NetworkThrottle,
        *,
        consumer_replicas: int,
        on_close: Callable[[Room], None],
    ) -> None:
        self.id = room_id
        self.consumer_replicas = consumer_replicas
        self.settings = settings
        self.metrics = metrics
        self.limits = limits
        self.throttle = throttle
        self._media = media
        self._workers = workers
        self._on_close = on_close
        self._peers: ProtooRoom[PeerSession] = ProtooRoom(queues=queues)
        self._secrets = PeerSecrets(strict=settings.strict_peer_ids)
        self.broadcasters: dict[str, Broadcaster] = {}
        self.bot: Bot
        self._audio_levels: AudioLevelObserver | None = None
        self._active_speaker: ActiveSpeakerObserver | None = None
        self._closed = False
        media.router.on("workerclose", lambda: self.close(SERVICE_RESTART, "service restart"))

    async def start(self) -> None:
        """Starts to listen for who speaks, and brings the bot in.

        Raises:
            ControllerError: The worker cannot.
        """
        self._audio_levels = await self.router.create_audio_level_observer(
            max_entries=MAX_SPEAKERS, threshold=-80, interval=800
        )
        self._active_speaker = await self.router.create_active_speaker_observer()
        self.bot = await Bot.create(self.router)
        self._audio_levels.on("volumes", self._on_volumes)
        self._audio_levels.on("silence", self._on_silence)
        self._active_speaker.on("dominantspeaker", self._on_dominant_speaker)

    @property
    def router(self) -> Router:
        """Where the room's media meet."""
        return self._media.router

    @property
    def closed(self) -> bool:
        """Whether the room is over."""
        return self._closed

    @property
    def sessions(self) -> list[PeerSession]:
        """Everybody who is connected."""
        return [peer.data for peer in self._peers.peers]

    @property
    def is_empty(self) -> bool:
        """Whether nobody is connected, and there is no broadcaster either."""
        return not self._peers.peers and not self.broadcasters

    def joined(self, *, but: Participant | None = None) -> list[PeerSession]:
        """Everybody who has joined, but one."""
        return [session for session in self.sessions if session.joined and session is not but]

    @property
    def participants(self) -> list[Participant]:
        """Everybody who is shown: who has joined, and the broadcasters."""
        return [*self.joined(), *self.broadcasters.values()]

    def check_place_for(self, visitor: Visitor) -> None:
        """Whether one more may come in.

        Raises:
            RequestError: The room is full, and nobody of that id is there to give its place; or the id is not its own.
        """
        try:
            self._secrets.check(visitor.peer_id, visitor.peer_secret, time.monotonic())
        except RequestError:
            self.limits.refused("peer_secret", f"room={self.id} peer={visitor.peer_id}")
            raise
        most = self.settings.max_peers_per_room
        if most and len(self._peers.peers) >= most and not self._peers.has_peer(visitor.peer_id):
            self.limits.refused("peers_per_room", f"room={self.id}")
            raise RequestError(503, f"the room is full: {most} peers are allowed")
        if visitor.peer_id in self.broadcasters:
            raise RequestError(403, "a broadcaster of this room has that peerId")

    def connect(self, visitor: Visitor, transport: Transport) -> PeerSession:
        """Lets a peer in. One with the same id gives its place to it.

        Args:
            visitor: Who it is.
            transport: Its connection.
        """
        peer_id, address = visitor.peer_id, visitor.address
        session = PeerSession(self, address)
        peer = self._peers.create_peer(peer_id, transport, session, replace=True)
        logger.info("room=%s peer=%s connected from %s (%s)", self.id, peer_id, transport.remote_address, address)
        session.start(peer, visitor, self._secrets.enter(peer_id, visitor.peer_secret, time.monotonic()))
        return session

    def left(self, session: PeerSession, code: int) -> None:
        """For a session whose peer closed with that code: the others hear of it first, then its media end."""
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
        if broadcaster.id in self.broadcasters or self._peers.has_peer(broadcaster.id):
            raise RequestError(500, f'broadcaster with id "{broadcaster.id}" already exists')
        most = self.settings.max_broadcasters_per_room
        if most and len(self.broadcasters) >= most:
            self.limits.refused("broadcasters_per_room", f"room={self.id}")
            raise RequestError(503, f"the room is full: {most} broadcasters are allowed")
        self.limits.pass_by("joins", broadcaster.address)
        if self._closed:
            raise RequestError(503, "the room has closed")
        self.broadcasters[broadcaster.id] = broadcaster
        logger.info("room=%s broadcaster=%s came from %s", self.id, broadcaster.id, broadcaster.address)
        for session in self.joined():
            session.notify("newPeer", {**broadcaster.info, "peer": broadcaster.info})

    def remove_broadcaster(self, broadcaster: Broadcaster) -> None:
        """Ends a broadcaster: everybody hears of it first, then its media end."""
        if self.broadcasters.get(broadcaster.id) is not broadcaster:
            return
        del self.broadcasters[broadcaster.id]
        logger.info("room=%s broadcaster=%s left", self.id, broadcaster.id)
        for session in self.joined():
            session.notify("peerClosed", {"peerId": broadcaster.id})
        broadcaster.close()
        self.close_if_empty()

    async def offer(self, source: Participant, producer: Producer) -> None:
        """Offers a new producer to everybody else, before anything is waited for; a microphone is listened to."""
        for other in self.joined(but=source):
            create_consumers(other, source, producer)
        if producer.kind == "audio":
            await self.observe(producer)

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
        making = self._workers.create_plain_transport(
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
        making = self._workers.create_transport(
            self._media, force_tcp=force_tcp, num_sctp_streams=num_sctp_streams, app_data=app_data
        )
        return await self._counted(address, making)

    async def _counted(self, address: str, making: Coroutine[None, None, TransportT]) -> TransportT:
        """Makes a transport that counts for an address until it closes."""
        try:
            give_back = self.limits.take("transports", address)
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

    async def observe(self, producer: Producer) -> None:
        """Listens to a microphone, to know who speaks."""
        for observer in (self._audio_levels, self._active_speaker):
            if observer is None:
                continue
            try:
                await observer.add_producer(producer.id)
            except ControllerError as error:  # the producer may have closed meanwhile
                logger.debug("room=%s producer=%s is not observed: %s", self.id, producer.id, error)

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
        self.router.close()
        self._on_close(self)

    def log_status(self) -> None:
        """One line on how many are here."""
        logger.info(
            "room=%s peers=%d joined=%d broadcasters=%d",
            *(self.id, len(self.sessions), len(self.joined()), len(self.broadcasters)),
        )

    def _on_volumes(self, volumes: list[AudioLevelObserverVolume]) -> None:
        told = [{"volume": one.volume, **_owner(one.producer)} for one in volumes]
        classic, of_2026 = self._by_dialect()
        PeerSession.notify_all(of_2026, "speakingPeers", {"peerVolumes": told})
        PeerSession.notify_all(classic, "activeSpeaker", told[0])

    def _on_silence(self) -> None:
        classic, of_2026 = self._by_dialect()
        PeerSession.notify_all(of_2026, "speakingPeers", {"peerVolumes": []})
        PeerSession.notify_all(of_2026, "activeSpeaker", {})
        PeerSession.notify_all(classic, "activeSpeaker", {"peerId": None})

    def _on_dominant_speaker(self, speaker: ActiveSpeakerObserverDominantSpeaker) -> None:
        """Clients of 2026 want to know who leads, others who is loudest."""
        PeerSession.notify_all(self._by_dialect()[1], "activeSpeaker", _owner(speaker.producer))

    def _by_dialect(self) -> tuple[list[PeerSession], list[PeerSession]]:
        """Who has joined: clients of the classic dialect, and those of 2026."""
        joined = self.joined()
        return [one for one in joined if not one.speaks_2026], [one for one in joined if one.speaks_2026]


def _owner(producer: Producer) -> Json:
    """Whose producer it is, where somebody's is."""
    return {"peerId": producer.app_data["peerId"]} if "peerId" in producer.app_data else {}
