"""Makes the consumers and data consumers by which a peer gets what another one sends."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

from miso.cluster.errors import ClusterError, SourceLateError
from miso.cluster.facts import DataProducerFact, ProducerFact
from miso.cluster.shard.wants import Lease
from miso.controller import (
    Consumer,
    ControllerError,
    DataConsumer,
    DataProducer,
    InvalidStateError,
    Producer,
    WebRtcTransport,
    to_json,
)
from miso.controller.ortc.negotiation import can_consume
from miso.controller.types import RtpCapabilities
from miso.demo.limits.limiters import Places
from miso.demo.rooms.room_shard import RoomShard
from miso.demo.rooms.session import PeerSession, ReceivingPlace
from miso.protoo import ProtooError

logger = logging.getLogger(__name__)

ConsumerT = TypeVar("ConsumerT", Consumer, DataConsumer)
ProducerT = TypeVar("ProducerT", Producer, DataProducer)

BOT = "bot"
"""Among what a peer is given: what the bot of its shard says. Ids of sources are UUIDs."""


def create_consumers(session: PeerSession, fact: ProducerFact, copies: int) -> None:
    """Begins to give a peer what another one sends, in so many copies; not if it cannot receive it, or is given it.

    What is begun first, media or data, is offered to the client first, if it arrives at the peer's shard.

    Args:
        session: Who receives.
        fact: What is sent.
        copies: How many consumers of it there are to be.
    """
    capabilities = session.rtp_capabilities
    if capabilities is None or not can_consume(fact.rtp, capabilities):
        return
    place = session.receiving_place
    if place is None:
        logger.warning("room=%s peer=%s has joined without a transport to receive", session.room_id, session.id)
        return
    for _ in range(copies - session.given[fact.id]):
        if not session.consumer_places.take():
            session.refused("consumers_per_peer")
            return
        session.given[fact.id] += 1
        session.start_task(_create_consumer(session, fact, *place, capabilities))


def create_data_consumer(session: PeerSession, fact: DataProducerFact) -> None:
    """Begins to give a peer the messages of another one; not if it does not take data channels, or is given them.

    Args:
        session: Who receives.
        fact: What is sent.
    """
    place = _data_place(session, fact.id)
    if place is not None:
        session.start_task(_create_data_consumer(session, fact, *place))


def create_bot_consumer(session: PeerSession) -> None:
    """Begins to give a peer what the bot says; not if it has not said that it takes data channels."""
    place = _data_place(session, BOT)
    if place is not None:
        session.start_task(_create_data_consumer(session, None, *place))


def _data_place(session: PeerSession, source: str) -> ReceivingPlace | None:
    """Where a peer gets one more data consumer, if it does."""
    place = session.receiving_place
    if not session.takes_data or place is None or place[1].sctp_parameters is None or session.given[source]:
        return None
    if not session.data_consumer_places.take():
        session.refused("data_consumers_per_peer")
        return None
    session.given[source] += 1
    return place


def channel_of(data_producer: DataProducer | DataProducerFact) -> object:
    """What a data producer is for: clients of 2026 say it in ``appData.channel``, others by the label."""
    return data_producer.app_data.get("channel", data_producer.label)


async def _create_consumer(
    session: PeerSession,
    fact: ProducerFact,
    shard: RoomShard,
    transport: WebRtcTransport,
    capabilities: RtpCapabilities,
) -> None:
    """One consumer: it starts paused, and sends once the client is ready for it.

    So the first packet does not arrive before the client knows its stream, and video costs the sender one key frame.
    A client may refuse it, or not answer: the consumer then stays paused.
    """

    async def consume(producer: Producer) -> Consumer:
        return await transport.consume(
            producer_id=producer.id,
            rtp_capabilities=capabilities,
            enable_rtx=True,  # for audio, too: lost Opus packets are sent again
            paused=True,
            ignore_dtx=True,
        )

    given = _Given(session, fact.id, session.consumer_places)
    consumer = await _consume(given, shard, shard.fetch, consume)
    if consumer is None:
        return
    session.add_consumer(consumer)
    consumer.on("producerclose", lambda: _give_again(session, shard, fact.id, given))
    try:
        await session.peer.request(
            "newConsumer",
            {
                "peerId": fact.participant,
                "producerId": fact.id,
                "id": consumer.id,
                "consumerId": consumer.id,
                "transportId": transport.id,
                "kind": consumer.kind,
                "rtpParameters": to_json(consumer.rtp_parameters),
                "type": consumer.type,
                "appData": fact.app_data,
                "producerPaused": consumer.producer_paused,
                "consumerScore": session.score_told(consumer),
            },
        )
        await consumer.resume()
    except (ProtooError, ControllerError) as error:
        logger.info("room=%s peer=%s consumer=%s stays paused: %s", session.room_id, session.id, consumer.id, error)
        return
    session.tell_score(consumer)


async def _create_data_consumer(
    session: PeerSession, fact: DataProducerFact | None, shard: RoomShard, transport: WebRtcTransport
) -> None:
    """One data consumer, of a participant or of the bot. A client may refuse it: what comes then, it passes over."""

    async def consume(data_producer: DataProducer) -> DataConsumer:
        return await transport.consume_data(data_producer_id=data_producer.id)

    async def fetch(source: str) -> Lease[DataProducer]:
        return await shard.fetch_data(source) if fact is not None else Lease(shard.bot.data_producer, lambda: None)

    given = _Given(session, fact.id if fact is not None else BOT, session.data_consumer_places)
    data_consumer = await _consume(given, shard, fetch, consume)
    if data_consumer is None:
        return
    session.add_data_consumer(data_consumer)
    if fact is not None:
        data_consumer.on("dataproducerclose", lambda: _data_lost(session, shard, fact.id, given))
    try:
        await session.peer.request(
            "newDataConsumer",
            {
                "peerId": fact.participant if fact is not None else None,
                "dataProducerId": data_consumer.data_producer_id,
                "id": data_consumer.id,
                "dataConsumerId": data_consumer.id,
                "transportId": transport.id,
                "sctpStreamParameters": to_json(data_consumer.sctp_stream_parameters),
                "label": data_consumer.label,
                "protocol": data_consumer.protocol,
                "appData": fact.app_data if fact is not None else shard.bot.data_producer.app_data,
            },
        )
    except ProtooError as error:
        logger.info("room=%s peer=%s data consumer=%s: %s", session.room_id, session.id, data_consumer.id, error)


class _Given:
    """One thing that a peer is given, for its limits.

    Attributes:
        session: The peer.
        source: The id of what it is given.
        release: Gives up what keeps it in the peer's shard; may be called again.
    """

    def __init__(self, session: PeerSession, source: str, places: Places) -> None:
        self.session = session
        self.source = source
        self.release: Callable[[], None] = lambda: None
        self._places: Places | None = places

    def end(self) -> None:
        """It is not given any more; may be called again."""
        places, self._places = self._places, None
        if places is None:
            return
        places.give_back()
        self.session.given[self.source] -= 1
        if not self.session.given[self.source]:
            del self.session.given[self.source]
        self.release()


async def _consume(
    given: _Given,
    shard: RoomShard,
    fetch: Callable[[str], Coroutine[None, None, Lease[ProducerT]]],
    consume: Callable[[ProducerT], Awaitable[ConsumerT]],
) -> ConsumerT | None:
    """Gets a source to the peer's shard, and consumes it there, how ever long it takes; None: it cannot be had."""
    session, source = given.session, given.source
    try:
        while True:
            lease: Lease[ProducerT] | None = None
            error: Exception
            try:
                lease = await fetch(source)
                given.release = lease.release
                consumer = await consume(lease.producer)
                if not consumer.closed:
                    consumer.observer.once("close", given.end)
                    return consumer
                error = InvalidStateError("its producer or the transport has closed")
            except (ControllerError, ClusterError, TypeError) as failure:
                error = failure
            has_ended = isinstance(error, SourceLateError) or (lease is not None and lease.producer.closed)
            given.release()
            if not has_ended or shard.elsewhere(source) is None:
                logger.warning("room=%s peer=%s cannot consume %s: %s", session.room_id, session.id, source, error)
                break
            logger.info("room=%s peer=%s source=%s is waited for: %s", session.room_id, session.id, source, error)
    except BaseException:  # the peer has left
        given.end()
        raise
    given.end()
    return None


def _data_lost(session: PeerSession, shard: RoomShard, source: str, given: _Given) -> None:
    """The same of data: when it was lost with its host, who had it is given it again when that is back."""
    if shard.elsewhere(source) is None:
        session.lost.append(source)
    _give_again(session, shard, source, given)


def _give_again(session: PeerSession, shard: RoomShard, source: str, given: _Given) -> None:
    """A peer's consumer has closed: when what it was of is still there, only the pipe over which it came was made anew.

    It is given again as soon as it has come over the new one.
    """
    given.end()
    fact = shard.elsewhere(source)
    if fact is None or session.closed:
        return
    if isinstance(fact, ProducerFact):
        create_consumers(session, fact, session.given[source] + 1)
    else:
        create_data_consumer(session, fact)
