"""A room: its peers, and the shards that carry their media."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from miso.cluster.errors import DirectoryAwayError
from miso.cluster.facts import BotWords, Message, ProducerFact, Source
from miso.cluster.room import ClusterRoom
from miso.cluster.room_facts import (
    Change,
    Located,
    ParticipantCame,
    ParticipantChanged,
    ParticipantLeft,
    Seen,
    SourceCame,
    SourceChanged,
)
from miso.controller import DataProducer, Producer, Router
from miso.demo.rooms.bot import BOT_LABEL
from miso.demo.rooms.broadcaster import Broadcaster
from miso.demo.rooms.consuming import channel_of, create_bot_consumer, create_consumers, create_data_consumer
from miso.demo.rooms.elsewhere import UNAVAILABLE, Elsewhere, secret_hash
from miso.demo.rooms.participant import Participant
from miso.demo.rooms.peer_secrets import PeerSecrets
from miso.demo.rooms.room_shard import RoomShard
from miso.demo.rooms.session import PeerSession
from miso.demo.rooms.shards import Shards
from miso.demo.rooms.shared_by_rooms import SharedByRooms
from miso.demo.rooms.speakers import Speakers
from miso.demo.rooms.transports import Transports
from miso.demo.rooms.visitor import Visitor
from miso.protoo import Peer, RequestError, Transport
from miso.protoo import Room as ProtooRoom
from miso.protoo.transport import CLOSED_BY_SERVER, CLOSED_BY_SERVER_REASON

logger = logging.getLogger(__name__)

CHAT_LABEL = "chat"
"""What is sent under this label, everybody gets at once; under others, those who join later."""


class RoomListener(Protocol):
    """Who wants to know what happens in a room. It is called while it happens, and returns at once."""

    def source_came(self, source: Source) -> None:
        """Somebody sends something new."""

    def speaker_changed(self, participant_id: str) -> None:
        """Somebody else leads the conversation."""


SERVICE_RESTART = 1012
"""WebSocket close code: come back at once (RFC 6455's registry)."""
REPLACED = 4000
"""Close code of a peer whose place another one with its id has taken; protoo's own."""


class Room:
    """Peers and broadcasters who see and hear each other, here and at the other servers of the cluster.

    Attributes:
        id: The room's name.
        cluster: The room as all servers have it.
        elsewhere: Its people at other servers, as far as they matter here.
        shards: Where this server's media of it meet.
        transports: Makes those of its people.
        broadcasters: Who sends and receives without a connection, by id.
        guests: Live streams that were brought in, by id.
        listeners: Who is told what is sent and who leads.
        speakers: Who listens for who speaks.
        shared: What it shares with the server's other rooms.
    """

    def __init__(
        self, room_id: str, shared: SharedByRooms, *, consumer_replicas: int, on_close: Callable[[Room], None]
    ) -> None:
        """Use :meth:`create`."""
        self.id = room_id
        self.broadcasters: dict[str, Broadcaster] = {}
        self.guests: dict[str, Participant] = {}
        self.listeners: list[RoomListener] = []
        self.shared = shared
        self._consumer_replicas = consumer_replicas
        self._on_close = on_close
        self._peers: ProtooRoom[None] = ProtooRoom(queues=shared.unsent)
        self._sessions: dict[Peer[None], PeerSession] = {}
        self._secrets = PeerSecrets(strict=shared.settings.strict_peer_ids)
        self._closed = False
        self.cluster: ClusterRoom[RoomShard] = ClusterRoom(room_id, shared.directory, self)
        self.elsewhere = Elsewhere(self.cluster)
        self.speakers = Speakers(self.cluster, shared.directory.node, self.joined, self._tell_leader)
        self.transports = Transports(shared.workers, shared.limits)
        self.shards = Shards(
            self.cluster,
            shared.workers,
            shared.shard_settings,
            self._bot_says,
            self.speakers.listen_in,
            self._shard_died,
        )

    @classmethod
    async def create(
        cls, room_id: str, shared: SharedByRooms, *, consumer_replicas: int, on_close: Callable[[Room], None]
    ) -> Room:
        """Makes a room; nothing of it stays when that fails.

        Args:
            room_id: Its name.
            shared: What it shares with the server's other rooms.
            consumer_replicas: How many copies of each consumer are made beside the first, to load a client.
            on_close: Called when it has closed, if it was made.

        Raises:
            RequestError: It is not known at the moment what other servers have of it.
            ControllerError: No worker can have it.
        """
        room = cls(room_id, shared, consumer_replicas=consumer_replicas, on_close=lambda room: None)
        try:
            await room.cluster.synced()
            await room.shards.open()
        except DirectoryAwayError as error:
            room.close()
            raise RequestError(UNAVAILABLE, "it is not known who is in the room at the moment: try again") from error
        except BaseException:
            room.close()
            raise
        room._on_close = on_close
        return room

    @property
    def router(self) -> Router:
        """Where media meet that are of no participant; its capabilities are those of all shards.

        Raises:
            InvalidStateError: The room has closed.
        """
        return self.shards.first.router

    @property
    def closed(self) -> bool:
        """Whether the room is over."""
        return self._closed

    @property
    def sessions(self) -> list[PeerSession]:
        """Everybody who is connected to this server."""
        return list(self._sessions.values())

    @property
    def is_empty(self) -> bool:
        """Whether nobody is connected to this server, and there is no broadcaster and no live stream either."""
        return not self._peers.peers and not self.broadcasters and not self.guests

    def joined(self, *, but: str = "") -> list[PeerSession]:
        """Everybody who has joined through this server, but who has that id."""
        return [session for session in self.sessions if session.joined and session.id != but]

    @property
    def participants(self) -> list[Seen]:
        """Everybody who is shown, wherever they are: who has joined, the broadcasters, and the live streams."""
        return list(self.cluster.facts.participants)

    def check_place_for(self, visitor: Visitor) -> None:
        """Whether one more may come in.

        Raises:
            RequestError: The room is full, and nobody of that id is there to give its place; or the id is not its own.
        """
        try:
            self._secrets.check(visitor.peer_id, visitor.peer_secret, time.monotonic())
            self.elsewhere.check_secret(visitor, strict=self.shared.settings.strict_peer_ids)
        except RequestError:
            self.shared.limits.refused("peer_secret", f"room={self.id} peer={visitor.peer_id}")
            raise
        most = self.shared.settings.max_peers_per_room
        here = self._peers.has_peer(visitor.peer_id)
        if most and not here and len(self._peers.peers) + self.elsewhere.count("peer", visitor.peer_id) >= most:
            self.shared.limits.refused("peers_per_room", f"room={self.id}")
            raise RequestError(UNAVAILABLE, f"the room is full: {most} peers are allowed")
        seen = self.cluster.facts.participant(visitor.peer_id)
        if seen is not None and seen.fact.flag != "peer":
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
        shared = self.shared
        session = PeerSession(peer, visitor, self.id, secret, shared.settings, shared.metrics)
        self._sessions[peer] = session
        peer.on("close", lambda code, reason: self._left(session, code))
        return session

    async def place(self, session: PeerSession, *, sends: bool) -> RoomShard:
        """Where in the room a peer's media are; chosen when it is first asked.

        Raises:
            ControllerError: No worker can have them, or the room has closed.
            RequestError: The peer has left meanwhile.
        """
        if session.shard is None:
            shard = await self.shards.place(session.id, sends=sends)
            if session.closed:
                self._give_up(session, shard)
                raise RequestError(500, "the peer has left")
            session.shard = shard
        return session.shard

    def show(self, session: PeerSession) -> None:
        """Shows a peer that has joined to everybody; see :meth:`.Elsewhere.check_claim`."""
        assert session.shard is not None
        session.member = self.cluster.enter(
            session.id,
            session.shard.id,
            session.info,
            secret_hash=secret_hash(session.secret),
            proves=self._secrets.proves(session.id),
        )

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
        if session.member is not None:
            session.member.leave()
        for transport in list(session.transports.values()):
            transport.close()
        if session.shard is not None:
            self._give_up(session, session.shard)
        self.close_if_empty()

    def _give_up(self, session: PeerSession, shard: RoomShard) -> None:
        """A peer that has left has its place no more, if it has not come again and has it still."""
        if not any(other.shard is shard for other in self._with_id(session.id)):
            self.shards.left(shard, session.id)

    def _with_id(self, peer_id: str) -> list[PeerSession]:
        if not self._peers.has_peer(peer_id):  # as usual, when one has left
            return []
        return [session for session in self._sessions.values() if session.id == peer_id]

    def add_broadcaster(self, broadcaster: Broadcaster) -> None:
        """Lets a broadcaster in, and shows it to everybody.

        Raises:
            RequestError: Its id is taken, or there are too many, here or of its address.
        """
        if self._has(broadcaster.id):
            raise RequestError(500, f'broadcaster with id "{broadcaster.id}" already exists')
        most = self.shared.settings.max_broadcasters_per_room
        if most and len(self.broadcasters) + self.elsewhere.count("broadcaster") >= most:
            self.shared.limits.refused("broadcasters_per_room", f"room={self.id}")
            raise RequestError(UNAVAILABLE, f"the room is full: {most} broadcasters are allowed")
        self.shared.limits.pass_by("joins", broadcaster.address)
        if self._closed:
            raise RequestError(UNAVAILABLE, "the room has closed")
        self.elsewhere.check_claim(broadcaster.id)
        self.broadcasters[broadcaster.id] = broadcaster
        broadcaster.shard = self.shards.place_at_once(broadcaster.id)
        logger.info("room=%s broadcaster=%s came from %s", self.id, broadcaster.id, broadcaster.address)
        broadcaster.member = self.cluster.enter(
            broadcaster.id, broadcaster.shard.id, broadcaster.info, flag="broadcaster"
        )

    def remove_broadcaster(self, broadcaster: Broadcaster) -> None:
        """Ends a broadcaster: everybody hears of it first, then its media end."""
        if self.broadcasters.get(broadcaster.id) is not broadcaster:
            return
        del self.broadcasters[broadcaster.id]
        logger.info("room=%s broadcaster=%s left", self.id, broadcaster.id)
        if broadcaster.member is not None:
            broadcaster.member.leave()
        broadcaster.close()
        if broadcaster.shard is not None:
            self.shards.left(broadcaster.shard, broadcaster.id)
        self.close_if_empty()

    def add_guest(self, guest: Participant) -> None:
        """Lets a live stream in, and shows it to everybody.

        Raises:
            RequestError: Its id is taken, or the room has closed.
        """
        if self._closed:
            raise RequestError(UNAVAILABLE, "the room has closed")
        if self._has(guest.id):
            raise RequestError(500, f'"{guest.id}" is in the room already')
        self.elsewhere.check_claim(guest.id)
        self.guests[guest.id] = guest
        guest.shard = self.shards.place_at_once(guest.id)
        logger.info("room=%s guest=%s came", self.id, guest.id)
        guest.member = self.cluster.enter(guest.id, guest.shard.id, guest.info, flag="guest")

    def remove_guest(self, guest: Participant) -> None:
        """A live stream leaves: everybody hears of it. Its media are its own to end."""
        if self.guests.get(guest.id) is not guest:
            return
        del self.guests[guest.id]
        logger.info("room=%s guest=%s left", self.id, guest.id)
        if guest.member is not None:
            guest.member.leave()
        if guest.shard is not None:
            self.shards.left(guest.shard, guest.id)
        self.close_if_empty()

    def _has(self, participant_id: str) -> bool:
        return self.cluster.facts.participant(participant_id) is not None or self._peers.has_peer(participant_id)

    # ------------------------------------------------------------ what is sent

    async def offer(self, source: Participant, producer: Producer) -> None:
        """Offers a new producer to everybody else, before anything is waited for; a microphone is listened to."""
        if source.member is not None:
            source.member.offer(producer)
        if producer.kind == "audio" and source.shard is not None:
            await source.shard.listen_to(producer)

    def offer_data(self, source: Participant, data_producer: DataProducer) -> None:
        """Offers a new data producer to everybody else if it is of the chat; of others only who joins later hears."""
        if source.member is not None and channel_of(data_producer) != BOT_LABEL:  # that is between it and the bot
            source.member.offer_data(data_producer)

    def give_all(self, session: PeerSession) -> None:
        """Begins to give a participant what others send, sound and pictures before messages, and what the bot says."""
        facts = self.cluster.facts
        for sender in [sender for sender in facts.senders if sender != session.id]:
            sources = [located.fact for located in facts.sources_of(sender)]
            for fact in sorted(sources, key=lambda fact: not isinstance(fact, ProducerFact)):
                self._give(session, fact)
        create_bot_consumer(session)

    def _give(self, session: PeerSession, fact: Source) -> None:
        if isinstance(fact, ProducerFact):
            create_consumers(session, fact, 1 + self._consumer_replicas)
        else:
            create_data_consumer(session, fact)

    # ------------------------------------------------------------ what happens, here and at other servers

    def happened(self, change: Change) -> None:
        """Tells this server's people what has happened to a participant; see :class:`miso.cluster.room.Listener`."""
        match change:
            case ParticipantCame(seen):
                others = self.joined(but=seen.fact.participant)
                PeerSession.notify_all(others, "newPeer", {**seen.fact.info, "peer": seen.fact.info})
            case ParticipantChanged(before, seen):
                self._renamed(before, seen)
            case ParticipantLeft(seen):
                who = seen.fact.participant
                PeerSession.notify_all(self.joined(but=who), "peerClosed", {"peerId": who})
            case SourceCame(located):
                self._came(located.fact)
            case SourceChanged(before_it, located):
                self._scored(before_it, located)

    def _renamed(self, before: Seen, seen: Seen) -> None:
        name, old_name = seen.fact.info.get("displayName"), before.fact.info.get("displayName")
        if name != old_name:
            who = seen.fact.participant
            change = {"peerId": who, "displayName": name, "oldDisplayName": old_name}
            PeerSession.notify_all(self.joined(but=who), "peerDisplayNameChanged", change)

    def _came(self, fact: Source) -> None:
        is_for_all = isinstance(fact, ProducerFact) or channel_of(fact) == CHAT_LABEL
        for session in self.joined(but=fact.participant):
            if is_for_all or fact.id in session.lost:
                self._give(session, fact)
        for broadcaster in self.broadcasters.values():
            broadcaster.source_came(fact.id)
        for listener in list(self.listeners):
            listener.source_came(fact)

    def _scored(self, before: Located, located: Located) -> None:
        """A producer at another part of the room arrives better or worse now: who consumes it is told."""
        now, then = located.fact, before.fact
        if not isinstance(now, ProducerFact) or not isinstance(then, ProducerFact) or now.score == then.score:
            return
        for session in self.joined(but=now.participant):
            if now.id not in session.given or session.shard is None or session.shard.id == now.shard:
                continue
            for consumer in list(session.consumers.values()):
                if consumer.producer_id == now.id:
                    session.tell_score(consumer)

    def displaced(self, participant: str) -> None:
        """One of this server's participants has come again through another one."""
        for session in self._with_id(participant):
            session.peer.close(REPLACED, "the peer has come again through another server")
        if participant in self.broadcasters:
            self.remove_broadcaster(self.broadcasters[participant])
        if participant in self.guests:
            self.remove_guest(self.guests[participant])

    def said(self, message: Message) -> None:
        """Another server has told this."""
        if isinstance(message, BotWords):
            self._say(message.text)
        else:
            self.speakers.said(message)

    def _bot_says(self, text: str) -> None:
        self._say(text)
        self.cluster.say(BotWords(text=text))

    def _say(self, text: str) -> None:
        for shard in self.shards.all:
            shard.bot.say(text)

    def _tell_leader(self, participant_id: str) -> None:
        for listener in list(self.listeners):
            listener.speaker_changed(participant_id)

    def _shard_died(self, shard: RoomShard) -> None:
        """Its worker has died: who had its media there comes back, and gets another part of the room."""
        self.cluster.end(shard)
        if self._closed:
            return
        logger.warning("room=%s shard=%s has died with worker=%d", self.id, shard.id, shard.worker.pid)
        for guest in [guest for guest in self.guests.values() if guest.shard is shard]:
            self.remove_guest(guest)
        for broadcaster in [one for one in self.broadcasters.values() if one.shard is shard]:
            self.remove_broadcaster(broadcaster)
        for session in [session for session in self.sessions if session.shard is shard]:
            session.peer.close(SERVICE_RESTART, "service restart")
        if not self.shards.all:
            self.close(SERVICE_RESTART, "service restart")

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
        self.speakers.close()
        self.shards.close()
        self.cluster.close()
        self._on_close(self)

    def log_status(self) -> None:
        """One line on how many are here."""
        logger.info(
            "room=%s peers=%d joined=%d broadcasters=%d shards=%d elsewhere=%d",
            *(self.id, len(self.sessions), len(self.joined()), len(self.broadcasters), len(self.shards.all)),
            self.cluster.facts.participant_count - len(self.cluster.members),
        )
