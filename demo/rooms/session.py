"""One participant: what it has in the room, what it is told, and how it leaves."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable
from typing import TypeVar

from msgspec import structs

from miso.cluster.facts import ProducerFact
from miso.cluster.room import Member
from miso.controller import Consumer, ControllerError, DataConsumer, DataProducer, Producer, WebRtcTransport, to_json
from miso.controller.types import ConsumerLayers, DtlsParameters, RtpCapabilities
from miso.demo.json import Json
from miso.demo.limits.limiters import Making, Places, TokenBucket
from miso.demo.limits.per_client import MAX_OBJECTS, WORDS_TO_BOT_BURST, WORDS_TO_BOT_PER_S
from miso.demo.metrics import Metrics
from miso.demo.rooms.dialect import Dialect, DialectGuess
from miso.demo.rooms.latest_news import LatestPerInterval
from miso.demo.rooms.path_watch import REASONS, Missing, TransportWatch
from miso.demo.rooms.producing import Producing
from miso.demo.rooms.room_shard import RoomShard
from miso.demo.rooms.visitor import Visitor
from miso.demo.settings import Settings
from miso.protoo import Notification, Peer, ProtooError, encode

logger = logging.getLogger(__name__)

MEDIASOUP_VERSION = "3.12.16"
"""The mediasoup release whose behaviour clients find here."""

NEWS_INTERVAL_S = 1.0
"""Scores and bandwidth estimates go to a peer at most this often, each."""

MAX_LOST = 64

ReceivingPlace = tuple[RoomShard, WebRtcTransport]
"""Where in its room a peer receives, and over which transport."""

Closable = TypeVar("Closable", WebRtcTransport, Producer, Consumer, DataProducer, DataConsumer)


class PeerSession:
    """A participant's state: who it is, what it has in the room, and what it is told.

    Attributes:
        peer: The signaling connection.
        id: The peer's id.
        visitor: Who it is.
        room_id: The name of its room.
        address: Where it comes from, for the limits of its address.
        secret: What it may prove itself with when it comes again.
        joined: Whether it has joined: it is shown to others and shown others from then on.
        display_name: Its name; it may change.
        device: What it runs on, as the others are told.
        rtp_capabilities: What media it can receive of what the room can send; None: nothing.
        takes_data: Whether it can receive data channels.
        dialect: Which of mediasoup-demo's protocols the client speaks.
        transports, producers, consumers, data_producers, data_consumers: By id; what closes leaves by itself.
        paths: How its transports get on, by the transport's id.
        words_to_bot: How much the bot still answers it.
        making: How many transports, producers and data producers it may have.
        producing: What it may make that every other peer is told of.
        consumer_places, data_consumer_places: How many more of them it may be given.
        lost: Data producers of which it had a data consumer until they went, the latest :data:`MAX_LOST`.
        given: Of what it has consumers and data consumers, or is about to have, by the source's id, and how many.
        shard: Where in the room its media are; None: that is open still.
        member: What the room is told of it; None: it has not joined.

    Args:
        peer: The signaling connection.
        visitor: Who it is.
        room_id: The name of its room.
        secret: What it may prove itself with when it comes again.
        settings: The server's.
        metrics: What operators see.
    """

    def __init__(
        self,
        peer: Peer[None],
        visitor: Visitor,
        room_id: str,
        secret: str,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self.peer = peer
        self.id = peer.id
        self.visitor = visitor
        self.room_id = room_id
        self.address = visitor.address
        self.secret = secret
        self.joined = False
        self.shard: RoomShard | None = None
        self.member: Member | None = None
        self.display_name: str | None = None
        self.device: Json = {}
        self.rtp_capabilities: RtpCapabilities | None = None
        self.takes_data = False
        self.transports: dict[str, WebRtcTransport] = {}
        self.paths: dict[str, TransportWatch] = {}
        self.producers: dict[str, Producer] = {}
        self.consumers: dict[str, Consumer] = {}
        self.data_producers: dict[str, DataProducer] = {}
        self.data_consumers: dict[str, DataConsumer] = {}
        self.making = Making(MAX_OBJECTS, lambda what: self.refused(f"{what.replace(' ', '_')}_per_peer"))
        self.producing = Producing(self.refused)
        self.consumer_places = Places(settings.max_consumers_per_peer)
        self.data_consumer_places = Places(settings.max_consumers_per_peer)
        self.given: Counter[str] = Counter()
        self.lost: deque[str] = deque(maxlen=MAX_LOST)
        self.words_to_bot = TokenBucket(WORDS_TO_BOT_PER_S, WORDS_TO_BOT_BURST, asyncio.get_running_loop().time())
        self._transport_timeout_s = settings.transport_stall_timeout
        self._metrics = metrics
        self._news: dict[tuple[str, str], LatestPerInterval[Json]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._refused: set[str] = set()
        self.dialect = DialectGuess(visitor.query, self._tell_version)

    def __repr__(self) -> str:
        return f"<PeerSession {self.id} of room {self.room_id}>"

    def end(self) -> None:
        """Nothing more is told, and what it has asked for is given up: its connection has closed."""
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()  # what a worker makes for it meanwhile is closed
        self.dialect.close()
        for news in self._news.values():
            news.close()
        self._news.clear()

    def on_left(self, then: Callable[[], None]) -> None:
        """Calls back once, when the peer has left; at once if it has."""
        if self.closed:
            then()
        else:
            self.peer.on("close", lambda code, reason: then())

    @property
    def closed(self) -> bool:
        """Whether it has left."""
        return self.peer.closed

    @property
    def speaks_2026(self) -> bool:
        """Whether the client speaks mediasoup-demo's protocol of 2026."""
        return self.dialect.is_2026

    @property
    def info(self) -> Json:
        """How it is shown to the others."""
        return {"id": self.id, "peerId": self.id, "displayName": self.display_name, "device": self.device}

    @property
    def receiving_place(self) -> ReceivingPlace | None:
        """Where it receives, and the transport that it wants to receive over."""
        transport = next((one for one in self.transports.values() if one.app_data["consuming"]), None)
        return (self.shard, transport) if self.shard is not None and transport is not None else None

    def notify(self, method: str, data: object) -> None:
        """Tells the client something; nothing when it has left."""
        if not self.closed:
            self.peer.notify(method, data)

    @staticmethod
    def notify_all(sessions: Iterable[PeerSession], method: str, data: object) -> None:
        """Tells many the same, which is written down once for all of them."""
        frame = encode(Notification(method, data))
        for session in sessions:
            if not session.closed:
                session.peer.send(frame)

    def notify_latest(self, method: str, about: str, data: Json) -> None:
        """Tells the client news that outdate each other, at most one per :data:`NEWS_INTERVAL_S`.

        Args:
            method: The notification.
            about: The id of what the news are about.
            data: The latest news.
        """
        key = (method, about)
        if key not in self._news:
            self._news[key] = LatestPerInterval(NEWS_INTERVAL_S, lambda latest: self.notify(method, latest))
        self._news[key].offer(data)

    def start_task(self, work: Coroutine[None, None, None]) -> None:
        """Runs something beside the requests that come."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def refused(self, limit: str) -> None:
        """Counts that the peer met a limit, and logs it the first time."""
        self._metrics.refusals.labels(limit).inc()
        if limit not in self._refused:
            self._refused.add(limit)
            logger.warning("room=%s peer=%s has reached the limit of %s", self.room_id, self.id, limit)

    def add_transport(self, transport: WebRtcTransport, given: DtlsParameters | None) -> None:
        """Keeps a new transport, and what may happen to it in view.

        Args:
            transport: The transport.
            given: The client's DTLS parameters if it brought them already.
        """
        self._keep(self.transports, transport)
        self.paths[transport.id] = TransportWatch(
            transport,
            self._transport_timeout_s,
            given,
            lambda missing: self._on_stalled(transport, missing),
            self.start_task,
        )
        transport.observer.once("close", lambda: self.paths.pop(transport.id, None))
        transport.on("icestatechange", lambda _: self._on_path_state(transport))
        transport.on("dtlsstatechange", lambda *_: self._on_path_state(transport))

    def add_producer(self, producer: Producer) -> None:
        """Keeps a new producer, and tells the client how well it arrives."""
        self._keep(self.producers, producer)
        producer.on(
            "score",
            lambda score: self.notify_latest(
                "producerScore", producer.id, {"producerId": producer.id, "score": to_json(score)}
            ),
        )

    def add_consumer(self, consumer: Consumer) -> None:
        """Keeps a new consumer, and tells the client what becomes of it."""
        self._keep(self.consumers, consumer)
        of_consumer: Json = {"consumerId": consumer.id}
        consumer.on("producerclose", lambda: self.notify("consumerClosed", of_consumer))
        consumer.on("producerpause", lambda: self.notify("consumerPaused", of_consumer))
        consumer.on("producerresume", lambda: self.notify("consumerResumed", of_consumer))
        consumer.on("score", lambda score: self.tell_score(consumer))
        consumer.on(
            "layerschange",
            lambda layers: self.notify("consumerLayersChanged", {**of_consumer, **layers_told(layers)}),
        )

    def add_data_producer(self, data_producer: DataProducer) -> None:
        """Keeps a new data producer."""
        self._keep(self.data_producers, data_producer)

    def add_data_consumer(self, data_consumer: DataConsumer) -> None:
        """Keeps a new data consumer, and tells the client when its source ends."""
        self._keep(self.data_consumers, data_consumer)
        data_consumer.on(
            "dataproducerclose", lambda: self.notify("dataConsumerClosed", {"dataConsumerId": data_consumer.id})
        )

    def tell_score(self, consumer: Consumer) -> None:
        """Tells the client how well a consumer does."""
        told: Json = {"consumerId": consumer.id, "score": self.score_told(consumer)}
        self.notify_latest("consumerScore", consumer.id, told)

    def score_told(self, consumer: Consumer) -> object:
        """How well a consumer does, and its producer where that arrives, which may be another part of the room."""
        score = consumer.score
        elsewhere = self.shard.elsewhere(consumer.producer_id) if self.shard is not None else None
        if isinstance(elsewhere, ProducerFact) and elsewhere.score:
            layers = consumer.current_layers
            layer = layers.spatial_layer if layers is not None else 0
            producer_score = elsewhere.score[min(layer, len(elsewhere.score) - 1)]
            score = structs.replace(score, producer_score=producer_score, producer_scores=elsewhere.score)
        return to_json(score)

    def _tell_version(self, dialect: Dialect) -> None:
        self.notify(dialect.value, {"version": MEDIASOUP_VERSION, "peerSecret": self.secret})

    def _keep(self, kept: dict[str, Closable], new: Closable) -> None:
        kept[new.id] = new
        new.observer.once("close", lambda: self._forget(kept, new.id))

    def _forget(self, kept: dict[str, Closable], closed_id: str) -> None:
        kept.pop(closed_id, None)
        for key in [key for key in self._news if key[1] == closed_id]:
            self._news.pop(key).close()

    def _on_stalled(self, transport: WebRtcTransport, missing: Missing) -> None:
        reason = REASONS[missing]
        self._metrics.stalled_transports.labels(missing.value).inc()
        logger.warning("room=%s peer=%s transport=%s stalls: %s", self.room_id, self.id, transport.id, reason)
        told: Json = {"transportId": transport.id, "missing": missing.value, "reason": reason}
        self.notify("transportStalled", {**told, "iceState": transport.ice_state, "dtlsState": transport.dtls_state})

    def _on_path_state(self, transport: WebRtcTransport) -> None:
        """Closes the peer whose path broke, and tells it before that nobody has its place: it may come again."""
        ice, dtls = transport.ice_state, transport.dtls_state
        if self.closed or not (ice in ("disconnected", "closed") or dtls in ("failed", "closed")):
            return
        logger.info("room=%s peer=%s ice %s, dtls %s: closing the peer", self.room_id, self.id, ice, dtls)
        self.notify("mediaLost", {"transportId": transport.id, "iceState": ice, "dtlsState": dtls})
        self.peer.close()

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, ControllerError | ProtooError):
            logger.info("room=%s peer=%s: %s", self.room_id, self.id, error)
        elif error is not None:
            logger.error("room=%s peer=%s", self.room_id, self.id, exc_info=error)


def layers_told(layers: ConsumerLayers | None) -> Json:
    """What is sent of a consumer's layers, as both dialects have it; of none, the newer one says nothing."""
    if layers is None:
        return {"spatialLayer": None, "temporalLayer": None}
    return {"spatialLayer": layers.spatial_layer, "temporalLayer": layers.temporal_layer, "layers": to_json(layers)}
