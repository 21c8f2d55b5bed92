"""Makes the consumers and data consumers by which a peer gets what another one sends."""

from __future__ import annotations

import logging

from miso.controller import ControllerError, DataProducer, Producer, Router, WebRtcTransport, to_json
from miso.controller.types import RtpCapabilities
from miso.demo.rooms.participant import Participant
from miso.demo.rooms.session import PeerSession
from miso.protoo import ProtooError

logger = logging.getLogger(__name__)


def create_consumers(
    session: PeerSession, source: Participant, producer: Producer, router: Router, copies: int
) -> None:
    """Begins to give a peer what another one sends, in so many copies; not if it cannot receive it.

    What is begun first, media or data, is offered to the client first.

    Args:
        session: Who receives.
        source: Who sends.
        producer: What is sent.
        router: The room's.
        copies: How many consumers of it there are to be.
    """
    capabilities = session.rtp_capabilities
    if capabilities is None or not router.can_consume(producer_id=producer.id, rtp_capabilities=capabilities):
        return
    transport = session.consuming_transport
    if transport is None:
        logger.warning("room=%s peer=%s has joined without a transport to receive", session.room_id, session.id)
        return
    for _ in range(copies):
        if not session.consumer_places.take():
            session.refused("consumers_per_peer")
            return
        session.start_task(_create_consumer(session, source, producer, transport, capabilities))


def create_data_consumer(session: PeerSession, source: Participant | None, data_producer: DataProducer) -> None:
    """Begins to give a peer the messages of another one; not if it has not said that it takes data channels.

    Args:
        session: Who receives.
        source: Who sends; None: the bot.
        data_producer: What is sent.
    """
    transport = session.consuming_transport
    if session.takes_data and transport is not None and transport.sctp_parameters is not None:
        if not session.data_consumer_places.take():
            session.refused("data_consumers_per_peer")
            return
        session.start_task(_create_data_consumer(session, source, data_producer, transport))


def channel_of(data_producer: DataProducer) -> object:
    """What a data producer is for: clients of 2026 say it in ``appData.channel``, others by the label."""
    return data_producer.app_data.get("channel", data_producer.label)


async def _create_consumer(
    session: PeerSession,
    source: Participant,
    producer: Producer,
    transport: WebRtcTransport,
    capabilities: RtpCapabilities,
) -> None:
    """One consumer: it starts paused, and sends once the client is ready for it.

    So the first packet does not arrive before the client knows its stream, and video costs the sender one key frame.
    A client may refuse it, or not answer: the consumer then stays paused.
    """
    try:
        consumer = await transport.consume(
            producer_id=producer.id,
            rtp_capabilities=capabilities,
            enable_rtx=True,  # for audio, too: lost Opus packets are sent again
            paused=True,
            ignore_dtx=True,
        )
    except (ControllerError, TypeError) as error:
        logger.warning("room=%s peer=%s cannot consume %s: %s", session.room_id, session.id, producer.id, error)
        session.consumer_places.give_back()
        return
    if consumer.closed:  # its producer or its transport closed at the same moment
        session.consumer_places.give_back()
        return
    consumer.observer.once("close", session.consumer_places.give_back)
    session.add_consumer(consumer)
    try:
        await session.peer.request(
            "newConsumer",
            {
                "peerId": source.id,
                "producerId": producer.id,
                "id": consumer.id,
                "consumerId": consumer.id,
                "transportId": transport.id,
                "kind": consumer.kind,
                "rtpParameters": to_json(consumer.rtp_parameters),
                "type": consumer.type,
                "appData": producer.app_data,
                "producerPaused": consumer.producer_paused,
                "consumerScore": to_json(consumer.score),
            },
        )
        await consumer.resume()
    except (ProtooError, ControllerError) as error:
        logger.info("room=%s peer=%s consumer=%s stays paused: %s", session.room_id, session.id, consumer.id, error)
        return
    session.tell_score(consumer)


async def _create_data_consumer(
    session: PeerSession, source: Participant | None, data_producer: DataProducer, transport: WebRtcTransport
) -> None:
    """One data consumer. A client may refuse it: what comes then, it passes over."""
    try:
        data_consumer = await transport.consume_data(data_producer_id=data_producer.id)
    except (ControllerError, TypeError) as error:
        logger.warning("room=%s peer=%s cannot consume %s: %s", session.room_id, session.id, data_producer.id, error)
        session.data_consumer_places.give_back()
        return
    if data_consumer.closed:
        session.data_consumer_places.give_back()
        return
    data_consumer.observer.once("close", session.data_consumer_places.give_back)
    session.add_data_consumer(data_consumer)
    try:
        await session.peer.request(
            "newDataConsumer",
            {
                "peerId": source.id if source is not None else None,
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
