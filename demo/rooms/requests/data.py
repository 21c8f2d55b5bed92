"""Requests on data channels: the chat, the bot, and whatever else clients send each other."""

from __future__ import annotations

from miso.demo.rooms.bot import BOT_LABEL
from miso.demo.rooms.consuming import channel_of
from miso.demo.rooms.relayed_data import told_bytes
from miso.demo.rooms.requests.answers import found, stats_answer
from miso.demo.rooms.requests.handler import Accept
from miso.demo.rooms.requests.messages import OfDataConsumer, OfDataProducer, ProduceData
from miso.demo.rooms.room import Room
from miso.demo.rooms.session import PeerSession
from miso.protoo import RequestError


async def produce_data(session: PeerSession, room: Room, body: ProduceData, accept: Accept) -> None:
    """Makes a data producer: of the chat for each other peer, of the bot's channel for the bot."""
    transport = found(session.transports, "transport", body.transport_id)
    with session.making.one_more(session.data_producers, "data producers"):
        data_producer = await session.producing.make(
            told_bytes(body.sctp_stream_parameters, body.label, body.protocol, body.app_data),
            transport.produce_data(
                sctp_stream_parameters=body.sctp_stream_parameters,
                label=body.label or "",
                protocol=body.protocol or "",
                app_data={**(body.app_data or {}), "peerId": session.id},
            ),
        )
        if channel_of(data_producer) == BOT_LABEL and session.shard is not None:
            try:
                await session.shard.bot.listen_to(session, data_producer)
            except BaseException:
                data_producer.close()  # nobody would know of it
                raise
        if data_producer.closed:  # its transport closed meanwhile
            raise RequestError(500, "the transport has closed")
        # From here to the data consumers nothing waits; see join
        session.add_data_producer(data_producer)
    accept({"id": data_producer.id, "dataProducerId": data_producer.id})
    room.offer_data(session, data_producer)


async def get_data_producer_stats(session: PeerSession, room: Room, body: OfDataProducer, accept: Accept) -> None:
    """Answers with how much came in over it."""
    data_producer = found(session.data_producers, "dataProducer", body.data_producer_id)
    accept(stats_answer(session, await data_producer.get_stats()))


async def get_data_consumer_stats(session: PeerSession, room: Room, body: OfDataConsumer, accept: Accept) -> None:
    """Answers with how much went out over it, and what waits."""
    data_consumer = found(session.data_consumers, "dataConsumer", body.data_consumer_id)
    accept(stats_answer(session, await data_consumer.get_stats()))
