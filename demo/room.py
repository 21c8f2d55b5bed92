"""A room: its peers, and the router that carries their media."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from controller import (
    ActiveSpeakerObserver,
    AudioLevelObserver,
    AudioLevelObserverVolume,
    ControllerError,
    Producer,
    Router,
    WebRtcTransport,
)
from demo import data_requests, media_requests, room_requests
from demo.address_limits import AddressLimits
from demo.bot import Bot
from demo.media import MediaWorkers, RoomMedia
from demo.messages import Json
from demo.metrics import Metrics
from demo.peer_session import PeerSession
from demo.settings import Settings
from protoo import RequestError, Transport
from protoo import Room as ProtooRoom
from protoo.transport import CLOSED_BY_SERVER, CLOSED_BY_SERVER_REASON

logger = logging.getLogger(__name__)

HANDLERS: Final = (data_requests, media_requests, room_requests)
"""The modules that fill the table of requests."""

MEDIASOUP_VERSION = "3.12.16"
"""The mediasoup release whose behaviour clients find here."""

SERVICE_RESTART = 1012
"""WebSocket close code: come back at once (RFC 6455's registry)."""


class Room:
    """Peers who see and hear each other.

    Attributes:
        id: The room's name.
        router: Where its media meet.
        bot: Who answers on the data channel labelled ``bot``; there once the room has started.
        consumer_replicas: How many copies of each consumer are made beside the first, to load a client.
        settings, metrics, limits: The server's.
    """

    def __init__(
        self,
        room_id: str,
        media: RoomMedia,
        workers: MediaWorkers,
        settings: Settings,
        metrics: Metrics,
        limits: AddressLimits,
        *,
        consumer_replicas: int,
        on_close: Callable[[Room], None],
    ) -> None:
        self.id = room_id
        self.consumer_replicas = consumer_replicas
        self.settings = settings
        self.metrics = metrics
        self.limits = limits
        self._media = media
        self._workers = workers
        self._on_close = on_close
        self._peers: ProtooRoom[PeerSession] = ProtooRoom()
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
        self._audio_levels = await self.router.create_audio_level_observer(max_entries=1, threshold=-80, interval=800)
        self._active_speaker = await self.router.create_active_speaker_observer()
        self.bot = await Bot.create(self.router)
        self._audio_levels.on("volumes", self._on_volumes)
        self._audio_levels.on("silence", lambda: self._tell_joined("activeSpeaker", {"peerId": None}))
        self._active_speaker.on(
            "dominantspeaker",
            lambda speaker: logger.debug("room=%s dominant speaker producer=%s", self.id, speaker.producer.id),
        )

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

    def joined(self, *, but: PeerSession | None = None) -> list[PeerSession]:
        """Everybody who has joined, but one."""
        return [session for session in self.sessions if session.joined and session is not but]

    def check_place_for(self, peer_id: str) -> None:
        """Whether one more may come in.

        Raises:
            RequestError: The room is full, and nobody of that id is there to give its place.
        """
        most = self.settings.max_peers_per_room
        if most and len(self._peers.peers) >= most and not self._peers.has_peer(peer_id):
            self.limits.refused("peers_per_room", f"room={self.id}")
            raise RequestError(503, f"the room is full: {most} peers are allowed")

    def connect(self, peer_id: str, transport: Transport, address: str) -> PeerSession:
        """Lets a peer in. One with the same id gives its place to it.

        Args:
            peer_id: Its id.
            transport: Its connection.
            address: Where it comes from, as :class:`~demo.address_limits.AddressLimits` knows it.
        """
        session = PeerSession(self, address)
        peer = self._peers.create_peer(peer_id, transport, session, replace=True)
        session.start(peer)
        logger.info("room=%s peer=%s connected from %s (%s)", self.id, peer_id, transport.remote_address, address)
        for method in ("mediasoup-version", "mediasoupVersion"):
            session.notify(method, {"version": MEDIASOUP_VERSION})
        return session

    def left(self, session: PeerSession) -> None:
        """For a session whose peer closed: the others hear of it first, then its media end."""
        if self._closed:
            return
        if session.joined:
            for other in self.joined(but=session):
                other.notify("peerClosed", {"peerId": session.id})
        for transport in list(session.transports.values()):
            transport.close()
        self.close_if_empty()

    async def create_transport(
        self, address: str, *, force_tcp: bool, sctp_streams: object, app_data: Json
    ) -> WebRtcTransport:
        """A transport for a peer from that address; see :meth:`demo.media.MediaWorkers.create_transport`.

        Raises:
            RequestError: The address has too many.
        """
        give_back = self.limits.take("transports", address)
        try:
            transport = await self._workers.create_transport(
                self._media, force_tcp=force_tcp, sctp_streams=sctp_streams, app_data=app_data
            )
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
        """Closes the room when nobody is connected any more."""
        if not self._closed and not self._peers.peers:
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
        self.router.close()
        self._on_close(self)

    def log_status(self) -> None:
        """One line on how many are here."""
        logger.info("room=%s peers=%d joined=%d", self.id, len(self.sessions), len(self.joined()))

    def _on_volumes(self, volumes: list[AudioLevelObserverVolume]) -> None:
        loudest = volumes[0]
        told: Json = {"volume": loudest.volume}
        if "peerId" in loudest.producer.app_data:
            told["peerId"] = loudest.producer.app_data["peerId"]
        self._tell_joined("activeSpeaker", told)

    def _tell_joined(self, method: str, data: Json) -> None:
        for session in self.joined():
            session.notify(method, data)
