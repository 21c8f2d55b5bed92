"""One participant: what it has in the room, what it is told, and how it leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import orjson

from miso.controller import Consumer, ControllerError, DataConsumer, DataProducer, Producer, WebRtcTransport, to_json
from miso.controller.types import ConsumerLayers, DtlsParameters, RtpCapabilities
from miso.demo.limits.per_client import (
    LOG_LINES_BURST,
    LOG_LINES_PER_S,
    MAX_AT_ONCE,
    MAX_OBJECTS,
    MAX_REQUEST_BYTES,
    MAX_TOLD_BYTES_OF_PEER,
    NEWS_BURST,
    NEWS_PER_S,
    PRODUCES_BURST,
    PRODUCES_PER_S,
    REQUESTS_BURST,
    REQUESTS_PER_S,
    TOO_LARGE,
    TOO_MANY,
    WORDS_TO_BOT_BURST,
    WORDS_TO_BOT_PER_S,
    Allowance,
    Making,
    Places,
)
from miso.demo.rooms.dialect import Dialect, DialectGuess
from miso.demo.rooms.latest_news import LatestPerInterval
from miso.demo.rooms.path_watch import REASONS, Missing, TransportWatch
from miso.demo.rooms.requests.messages import Json
from miso.demo.rooms.requests.table import REQUESTS, Accept
from miso.demo.rooms.visitor import Visitor
from miso.protoo import IncomingRequest, Notification, Peer, ProtooError, RequestError, encode

if TYPE_CHECKING:
    from miso.demo.rooms.room import Room

logger = logging.getLogger(__name__)

MEDIASOUP_VERSION = "3.12.16"
"""The mediasoup release whose behaviour clients find here."""

NEWS_INTERVAL_S = 1.0
"""Scores and bandwidth estimates go to a peer at most this often, each."""

MAX_LOGGED_LENGTH = 300
"""Characters of what a client sent that get into one line of the log, or back to it."""

Closable = TypeVar("Closable", WebRtcTransport, Producer, Consumer, DataProducer, DataConsumer)


class PeerSession:
    """A participant's state, from the first message to the last.

    Attributes:
        peer: The signaling connection.
        address: Where it comes from, for the limits of its address.
        joined: Whether it has joined: it is shown to others and shown others from then on.
        display_name: Its name; it may change.
        device: What it runs on, as the others are told.
        rtp_capabilities: What media it can receive of what the room can send; None: nothing.
        takes_data: Whether it can receive data channels.
        dialect: Which of mediasoup-demo's protocols the client speaks.
        secret: What it may prove itself with when it comes again.
        transports, producers, consumers, data_producers, data_consumers: By id; what closes leaves by itself.
        paths: How its transports get on, by the transport's id.
        words_to_bot: How much the bot still answers it.
        making: How many transports, producers and data producers it may have.
        consumer_places, data_consumer_places: How many more of them it may be given.
    """

    def __init__(self, room: Room, address: str) -> None:
        self.room = room
        self.address = address
        self.peer: Peer[PeerSession]
        self.joined = False
        self.display_name: str | None = None
        self.device: Json = {}
        self.rtp_capabilities: RtpCapabilities | None = None
        self.takes_data = False
        self.dialect: DialectGuess
        self.secret: str
        self.transports: dict[str, WebRtcTransport] = {}
        self.paths: dict[str, TransportWatch] = {}
        self.producers: dict[str, Producer] = {}
        self.consumers: dict[str, Consumer] = {}
        self.data_producers: dict[str, DataProducer] = {}
        self.data_consumers: dict[str, DataConsumer] = {}
        self.making = Making(MAX_OBJECTS, lambda what: self.refused(f"{what.replace(' ', '_')}_per_peer"))
        self.consumer_places = Places(room.settings.max_consumers_per_peer)
        self.data_consumer_places = Places(room.settings.max_consumers_per_peer)
        self._told = Places(MAX_TOLD_BYTES_OF_PEER)
        self._news: dict[tuple[str, str], LatestPerInterval[Json]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_progress = 0
        self._refused: set[str] = set()
        now_s = asyncio.get_running_loop().time()
        self._allowance = Allowance(REQUESTS_PER_S, REQUESTS_BURST, now_s)
        self._told_often = Allowance(NEWS_PER_S, NEWS_BURST, now_s)
        self.words_to_bot = Allowance(WORDS_TO_BOT_PER_S, WORDS_TO_BOT_BURST, now_s)
        self._produces = Allowance(PRODUCES_PER_S, PRODUCES_BURST, now_s)
        self._log_lines = Allowance(LOG_LINES_PER_S, LOG_LINES_BURST, now_s)

    def __repr__(self) -> str:
        return f"<PeerSession {self.id} of room {self.room.id}>"

    def start(self, peer: Peer[PeerSession], visitor: Visitor, secret: str) -> None:
        """Begins the conversation.

        Args:
            peer: The connection.
            visitor: Who it is.
            secret: What it may prove itself with when it comes again.
        """
        self.peer = peer
        self.secret = secret
        self.dialect = DialectGuess(visitor.query, self._tell_version)
        peer.on("request", self._on_request)
        peer.on("notification", self._on_notification)
        peer.on("close", self._on_close)

    def on_left(self, then: Callable[[], None]) -> None:
        """Calls back once, when the peer has left; at once if it has."""
        if self.closed:
            then()
        else:
            self.peer.on("close", lambda code, reason: then())

    @property
    def id(self) -> str:
        """The peer's id."""
        return self.peer.id

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
    def consuming_transport(self) -> WebRtcTransport | None:
        """The transport it wants to receive over."""
        return next((one for one in self.transports.values() if one.app_data["consuming"]), None)

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
        """Runs something beside the conversation."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    async def make(self, told_bytes: int, making: Coroutine[Any, Any, Closable]) -> Closable:
        """Makes something that every other peer is told of, unless the peer has told them too much, or too often.

        Args:
            told_bytes: What the others are told of it.
            making: Makes it.

        Raises:
            RequestError: It was too much.
        """
        try:
            if not self._produces.take(asyncio.get_running_loop().time()):
                self.refused("produces")
                raise RequestError(TOO_MANY, "too many producers in a short time")
            if not self._told.take(told_bytes):
                self.refused("told_bytes")
                reason = f"all that a peer tells the others must not be larger than {MAX_TOLD_BYTES_OF_PEER} bytes"
                raise RequestError(TOO_LARGE, reason)
        except RequestError:
            making.close()
            raise
        try:
            made = await making
        except BaseException:
            self._told.give_back(told_bytes)
            raise
        if made.closed:  # its transport closed meanwhile
            self._told.give_back(told_bytes)
            raise RequestError(500, "the transport has closed")
        made.observer.once("close", lambda: self._told.give_back(told_bytes))
        return made

    def refused(self, limit: str) -> None:
        """Counts that the peer met a limit, and logs it the first time."""
        self.room.metrics.refusals.labels(limit).inc()
        if limit not in self._refused:
            self._refused.add(limit)
            logger.warning("room=%s peer=%s has reached the limit of %s", self.room.id, self.id, limit)

    def add_transport(self, transport: WebRtcTransport, given: DtlsParameters | None) -> None:
        """Keeps a new transport, and what may happen to it in view.

        Args:
            transport: The transport.
            given: The client's DTLS parameters if it brought them already.
        """
        self._keep(self.transports, transport)
        patience_s = self.room.settings.transport_patience
        self.paths[transport.id] = TransportWatch(
            transport, patience_s, given, lambda missing: self._on_stalled(transport, missing), self.start_task
        )
        transport.observer.once("close", lambda: self.paths.pop(transport.id, None))
        transport.on("icestatechange", lambda state: self._on_path_state("ice", state, ("disconnected", "closed")))
        transport.on("dtlsstatechange", lambda state, *_: self._on_path_state("dtls", state, ("failed", "closed")))

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
        score = to_json(consumer.score)
        self.notify_latest("consumerScore", consumer.id, {"consumerId": consumer.id, "score": score})

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
        self.room.metrics.stalled_transports.labels(missing.value).inc()
        logger.warning("room=%s peer=%s transport=%s stalls: %s", self.room.id, self.id, transport.id, reason)
        told: Json = {"transportId": transport.id, "missing": missing.value, "reason": reason}
        self.notify("transportStalled", {**told, "iceState": transport.ice_state, "dtlsState": transport.dtls_state})

    def _on_path_state(self, what: str, state: str, broken: tuple[str, ...]) -> None:
        if state in broken and not self.closed:
            logger.info("room=%s peer=%s %s %s: closing the peer", self.room.id, self.id, what, state)
            self.peer.close()

    def _on_request(self, request: IncomingRequest) -> None:
        self._take(request.method, request.data, request.accept, request.reject)

    def _on_notification(self, notification: Notification) -> None:
        """Clients of 2026 send as notifications what others send as requests."""
        if notification.method in REQUESTS:
            self.dialect.learn(Dialect.OF_2026)
        self._take(notification.method, notification.data, lambda data=None: None, lambda error: None)

    def _take(self, method: str, data: object, accept: Accept, reject: Callable[[BaseException], None]) -> None:
        """Begins with what the client asks for, or says at once that it asks too much."""
        if self._may_ask():
            self.start_task(self._counted(self._answer(method, data, accept, reject)))
        else:
            self.refused("requests")
            self._count(method, "rejected")
            reject(RequestError(TOO_MANY, "too many requests"))

    def _may_ask(self) -> bool:
        return self._allowance.take(asyncio.get_running_loop().time()) and self._in_progress < MAX_AT_ONCE

    async def _counted(self, work: Coroutine[None, None, None]) -> None:
        self._in_progress += 1
        try:
            await work
        finally:
            self._in_progress -= 1

    async def _answer(self, method: str, data: object, accept: Accept, reject: Callable[[BaseException], None]) -> None:
        try:
            await self._dispatch(method, data, accept)
        except (RequestError, ControllerError, TypeError, ValueError) as error:
            self._log_failure(method, error)
            reject(error)
            self._count(method, "rejected")
        except Exception as error:  # noqa: BLE001
            # a bug of ours: the client gets its answer, the log the whole story
            self._log_failure(method, error, is_bug=True)
            reject(RequestError(500, "internal error"))
            self._count(method, "failed")
        else:
            self._count(method, "accepted")

    def _count(self, method: str, result: str) -> None:
        self.room.metrics.requests.labels(_known(method), result).inc()

    def _log_failure(self, method: str, error: Exception, *, is_bug: bool = False) -> None:
        """A client chooses what is in such errors, and how many there are: a line of it, and few of them."""
        if not self._log_lines.take(asyncio.get_running_loop().time()):
            return
        text = " ".join(str(error)[:MAX_LOGGED_LENGTH].splitlines())
        level = logging.ERROR if is_bug else logging.INFO
        who = (self.room.id, self.id, _known(method))
        logger.log(level, "room=%s peer=%s %s failed: %s", *who, text, exc_info=error if is_bug else None)

    async def _dispatch(self, method: str, data: object, accept: Accept) -> None:
        row = REQUESTS.get(method)
        if row is None:
            raise RequestError(500, f'unknown request.method "{method[:MAX_LOGGED_LENGTH]}"')
        if len(orjson.dumps(data)) > MAX_REQUEST_BYTES:
            raise RequestError(TOO_LARGE, f"{method} is larger than {MAX_REQUEST_BYTES} bytes")
        if row.needs_join and not self.joined:
            raise RequestError(500, "Peer not yet joined")
        if row.told_everybody and not self._told_often.take(asyncio.get_running_loop().time()):
            self.refused("news")
            raise RequestError(TOO_MANY, f"too many {method} in a short time: everybody is told of each")
        await row.handle(self, msgspec.convert(data, row.body), accept)

    def _on_close(self, code: int, reason: str) -> None:
        logger.info("room=%s peer=%s left code=%d", self.room.id, self.id, code)
        self.dialect.close()
        for news in self._news.values():
            news.close()
        self._news.clear()
        self.room.left(self, code)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, ControllerError | ProtooError):
            logger.info("room=%s peer=%s: %s", self.room.id, self.id, error)
        elif error is not None:
            logger.error("room=%s peer=%s", self.room.id, self.id, exc_info=error)


def layers_told(layers: ConsumerLayers | None) -> Json:
    """What is sent of a consumer's layers, as both dialects have it; of none, the newer one says nothing."""
    if layers is None:
        return {"spatialLayer": None, "temporalLayer": None}
    return {"spatialLayer": layers.spatial_layer, "temporalLayer": layers.temporal_layer, "layers": to_json(layers)}


def _known(method: str) -> str:
    """Clients choose method names: unknown ones share one metric."""
    return method if method in REQUESTS else "unknown"
