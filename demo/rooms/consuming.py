"""Makes the consumers and data consumers by which a peer gets what another one sends."""

from __future__ import annotations

import logging

from miso.cluster.errors import ClusterError
from miso.cluster.facts import DataProducerFact, ProducerFact
from miso.cluster.shard.wants import Lease
from miso.controller import ControllerError, DataProducer, Producer, WebRtcTransport, to_json
from miso.controller.ortc.negotiation import can_consume
from miso.controller.types import RtpCapabilities
from miso.demo.limits.limiters import Places
from miso.demo.rooms.room_shard import RoomShard
from miso.demo.rooms.session import PeerSession, ReceivingPlace
from miso.protoo import ProtooError

logger = logging.getLogger(__name__)


def create_consumers(session: PeerSession, fact: ProducerFact, copies: int) -> None:
    """Begins to give a peer what another one sends, in so many copies; not if it cannot receive it.

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
    for _ in range(copies):
        if not session.consumer_places.take():
            session.refused("consumers_per_peer")
            return
        session.start_task(_create_consumer(session, fact, *place, capabilities))


def create_data_consumer(session: PeerSession, fact: DataProducerFact) -> None:
    """Begins to give a peer the messages of another one; not if it has not said that it takes data channels.

    Args:
        session: Who receives.
        fact: What is sent.
    """
    place = _data_place(session)
    if place is not None:
        session.start_task(_fetch_data(session, fact, *place))


def create_bot_consumer(session: PeerSession) -> None:
    """Begins to give a peer what the bot says; not if it has not said that it takes data channels."""
    place = _data_place(session)
    if place is not None:
        shard, transport = place
        session.start_task(_create_data_consumer(session, None, shard.bot.data_producer, transport))


def _data_place(session: PeerSession) -> ReceivingPlace | None:
    """Where a peer gets one more data consumer, if it does."""
    place = session.receiving_place
    if not session.takes_data or place is None or place[1].sctp_parameters is None:
        return None
    if not session.data_consumer_places.take():
        session.refused("data_consumers_per_peer")
        return None
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
    lease: Lease[Producer] | None = None
    try:
        lease = await shard.fetch(fact.id)
        consumer = await transport.consume(
            producer_id=fact.id,
            rtp_capabilities=capabilities,
            enable_rtx=True,  # for audio, too: lost Opus packets are sent again
            paused=True,
            ignore_dtx=True,
        )
    except (ControllerError, ClusterError, TypeError) as error:
        logger.warning("room=%s peer=%s cannot consume %s: %s", session.room_id, session.id, fact.id, error)
        _give_back(session.consumer_places, lease)
        return
    if consumer.closed:  # its producer or its transport closed at the same moment
        _give_back(session.consumer_places, lease)
        return
    consumer.observer.once("close", lambda: _give_back(session.consumer_places, lease))
    session.add_consumer(consumer)
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


def _give_back(places: Places, lease: Lease[Producer] | Lease[DataProducer] | None) -> None:
    places.give_back()
    if lease is not None:
        lease.release()


async def _fetch_data(
    session: PeerSession, fact: DataProducerFact, shard: RoomShard, transport: WebRtcTransport
) -> None:
    try:
        lease = await shard.fetch_data(fact.id)
    except (ControllerError, ClusterError) as error:
        logger.warning("room=%s peer=%s cannot consume %s: %s", session.room_id, session.id, fact.id, error)
        session.data_consumer_places.give_back()
        return
    await _create_data_consumer(session, fact.participant, lease.producer, transport, lease)


async def _create_data_consumer(
    session: PeerSession,
    source: str | None,
    data_producer: DataProducer,
    transport: WebRtcTransport,
    lease: Lease[DataProducer] | None = None,
) -> None:
    """One data consumer, of a participant or of the bot. A client may refuse it: what comes then, it passes over."""
    try:
        data_consumer = await transport.consume_data(data_producer_id=data_producer.id)
    except (ControllerError, TypeError) as error:
        logger.warning("room=%s peer=%s cannot consume %s: %s", session.room_id, session.id, data_producer.id, error)
        _give_back(session.data_consumer_places, lease)
        return
    if data_consumer.closed:
        _give_back(session.data_consumer_places, lease)
        return
    data_consumer.observer.once("close", lambda: _give_back(session.data_consumer_places, lease))
    session.add_data_consumer(data_consumer)
    try:
        await session.peer.request(
            "newDataConsumer",
            {
                "peerId": source,
                "dataProducerId": data_producer.id,
                "id": data_consumer.id,
                "dataConsumerId": data_consumer.id,
                "transportId": transport.id,
                "sctpStreamParameters": to_json(data_consumer.sctp_stream_parameters),
                "label": data_consumer.label,
                "protocol": data_consumer.protocol,
                "appData": data_producer.app_data,
            },
        )
    except ProtooError as error:
        logger.info("room=%s peer=%s data consumer=%s: %s", session.room_id, session.id, data_consumer.id, error)
