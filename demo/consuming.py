"""How a producer reaches a peer."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from controller import ControllerError, Producer, WebRtcTransport, to_json
from demo.messages import Json
from protoo import ProtooError

if TYPE_CHECKING:
    from demo.peer_session import PeerSession

logger = logging.getLogger(__name__)


async def create_consumer(session: PeerSession, source: PeerSession, producer: Producer) -> None:
    """Gives a peer what another one sends, in as many copies as the room makes; not if it cannot receive it.

    Args:
        session: Who receives.
        source: Who sends.
        producer: What is sent.
    """
    capabilities = session.rtp_capabilities
    if capabilities is None or not session.room.router.can_consume(
        producer_id=producer.id, rtp_capabilities=capabilities
    ):
        return
    transport = session.consuming_transport
    if transport is None:
        logger.warning("room=%s peer=%s has joined without a transport to receive", session.room.id, session.id)
        return
    copies = 1 + session.room.consumer_replicas
    await asyncio.gather(*(_create_one(session, source, producer, transport, capabilities) for _ in range(copies)))


async def _create_one(
    session: PeerSession, source: PeerSession, producer: Producer, transport: WebRtcTransport, capabilities: Json
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
        logger.warning("room=%s peer=%s cannot consume %s: %s", session.room.id, session.id, producer.id, error)
        return
    if consumer.closed:  # its producer or its transport closed at the same moment
        return
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
        logger.info("room=%s peer=%s consumer=%s stays paused: %s", session.room.id, session.id, consumer.id, error)
        return
    session.tell_score(consumer)
