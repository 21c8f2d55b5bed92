"""What broadcasters ask of a room: transports, producers, consumers, and the same for data."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from miso.cluster.errors import ClusterError
from miso.cluster.facts import ProducerFact
from miso.cluster.room_facts import Seen
from miso.controller import (
    Consumer,
    DataConsumer,
    DataProducer,
    PlainTransport,
    Producer,
    WebRtcTransport,
    to_json,
)
from miso.controller.ortc import reduce_rtp_capabilities
from miso.controller.ortc.negotiation import can_consume
from miso.controller.ortc.validation import validate_rtp_capabilities
from miso.controller.types import RtpCapabilities
from miso.demo.broadcasters.feed import Feed
from miso.demo.broadcasters.messages import Connect, CreateBroadcaster, CreateTransport, Produce, ProduceData
from miso.demo.json import Json
from miso.demo.rooms.broadcaster import Broadcaster, BroadcasterTransport, Closable
from miso.demo.rooms.relayed_data import plain_name
from miso.demo.rooms.room import Room
from miso.demo.rooms.room_shard import RoomShard
from miso.demo.rooms.rooms import is_name
from miso.protoo import RequestError

logger = logging.getLogger(__name__)

ProducerT = TypeVar("ProducerT", Producer, DataProducer)
ConsumerT = TypeVar("ConsumerT", Consumer, DataConsumer)

FAILED = 500
"""Also for what is not found, like the reference."""


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks, and where."""

    room: Room
    broadcaster: Broadcaster

    def one_more(self, things: Mapping[str, object], what: str) -> AbstractContextManager[None]:
        """While the broadcaster gets one more; see :meth:`miso.demo.limits.per_client.Making.one_more`."""
        return self.broadcaster.making.one_more(things, what)

    def keep(self, kept: dict[str, Closable], made: Closable) -> None:
        """Keeps what was waited for.

        Raises:
            RequestError: The broadcaster is not there any more, or what was made is not.
        """
        if self.broadcaster.closed or self.room.closed:
            made.close()
            raise RequestError(FAILED, "the broadcaster was deleted meanwhile")
        if made.closed:
            raise RequestError(FAILED, "it was closed meanwhile, with its transport or what it was made of")
        self.broadcaster.keep(kept, made)

    @property
    def shard(self) -> RoomShard:
        """Where in the room the broadcaster's media are.

        Raises:
            RequestError: It is not in the room any more.
        """
        if self.broadcaster.shard is None or self.broadcaster.shard.closed:
            raise RequestError(FAILED, "the broadcaster was deleted meanwhile")
        return self.broadcaster.shard

    def transport(self, transport_id: str) -> BroadcasterTransport:
        """The broadcaster's transport.

        Raises:
            RequestError: It has none of that id.
        """
        transport = self.broadcaster.transports.get(transport_id)
        if transport is None:
            raise RequestError(FAILED, f'transport with id "{transport_id[:300]}" does not exist')
        return transport


def broadcaster_of(room: Room, broadcaster_id: str) -> Broadcaster:
    """The room's broadcaster; that it is asked for shows that its program lives.

    Raises:
        RequestError: There is none of that id.
    """
    broadcaster = room.broadcasters.get(broadcaster_id)
    if broadcaster is None:
        raise RequestError(FAILED, f'broadcaster with id "{broadcaster_id[:300]}" does not exist')
    broadcaster.heard()
    return broadcaster


def create_broadcaster(room: Room, address: str, body: CreateBroadcaster) -> Json:
    """Shows a new broadcaster to everybody; gives who is there, with what it can receive of them.

    Raises:
        RequestError: The id is taken, or the room or the address has too many.
        ValueError: Something in the body is wrong.
    """
    assert body.id is not None
    assert body.display_name is not None
    assert body.device is not None
    if not is_name(body.id):
        raise ValueError("body.id has control characters")
    capabilities = None
    if body.rtp_capabilities is not None:
        try:
            remote = validate_rtp_capabilities(body.rtp_capabilities)
            capabilities = reduce_rtp_capabilities(remote, room.router.rtp_capabilities)
        except (TypeError, ValueError) as error:
            raise ValueError(f"wrong body.rtpCapabilities: {error}") from error
    broadcaster = Broadcaster(
        body.id,
        address,
        display_name=plain_name(body.display_name),
        device=msgspec.to_builtins(body.device),
        rtp_capabilities=capabilities,
        time_s=time.monotonic,
        refused=lambda: room.shared.limits.refused("broadcaster_objects", f"room={room.id} broadcaster={body.id}"),
    )
    room.add_broadcaster(broadcaster)
    if capabilities is None:
        return {"peers": []}
    return {"peers": [_offered(room, seen, capabilities) for seen in room.participants if seen.fact.flag == "peer"]}


def _offered(room: Room, seen: Seen, capabilities: RtpCapabilities) -> Json:
    """A peer, with what can be received of it."""
    return {
        **seen.fact.info,
        "producers": [
            {"id": fact.id, "kind": fact.kind}
            for _, fact in room.cluster.facts.sources_of(seen.fact.participant)
            if isinstance(fact, ProducerFact) and can_consume(fact.rtp, capabilities)
        ],
    }


async def create_transport(call: Call, body: CreateTransport) -> Json:
    """A transport, with what the program has to know to reach it."""
    broadcaster = call.broadcaster
    num_sctp_streams = (body.sctp_capabilities or {}).get("numStreams")
    transport: BroadcasterTransport
    shard = call.shard
    with call.one_more(broadcaster.transports, "transports"):
        if body.type == "webrtc":
            transport = await call.room.transports.create_web_rtc(
                shard,
                broadcaster.address,
                force_tcp=False,
                num_sctp_streams=num_sctp_streams,
                app_data={"producing": True, "consuming": True},
            )
        else:
            transport = await call.room.transports.create_plain(
                shard,
                broadcaster.address,
                rtcp_mux=body.rtcp_mux,
                comedia=body.comedia,
                num_sctp_streams=num_sctp_streams,
            )
        call.keep(broadcaster.transports, transport)
    broadcaster.watch(transport)
    return _described(transport)


def _described(transport: BroadcasterTransport) -> Json:
    if isinstance(transport, PlainTransport):
        told: Json = {"id": transport.id, "ip": transport.tuple.local_ip, "port": transport.tuple.local_port}
        if transport.rtcp_tuple is not None:
            told["rtcpPort"] = transport.rtcp_tuple.local_port
    else:
        told = {
            "id": transport.id,
            "iceParameters": to_json(transport.ice_parameters),
            "iceCandidates": to_json(transport.ice_candidates),
            "dtlsParameters": to_json(transport.dtls_parameters),
        }
    if transport.sctp_parameters is not None:
        told["sctpParameters"] = to_json(transport.sctp_parameters)
    return told


async def connect(call: Call, transport_id: str, body: Connect) -> None:
    """Gives a WebRTC transport the program's DTLS parameters, or a plain one the address to send to."""
    transport = call.transport(transport_id)
    if isinstance(transport, WebRtcTransport):
        if body.dtls_parameters is None:
            raise ValueError("missing body.dtlsParameters")
        await transport.connect(dtls_parameters=body.dtls_parameters)
    elif body.ip is None:  # what the reference says of plain transports altogether
        raise RequestError(FAILED, f'transport with id "{transport_id}" is not a WebRtcTransport')
    else:
        await transport.connect(ip=body.ip, port=body.port, rtcp_port=body.rtcp_port)


async def produce(call: Call, transport_id: str, body: Produce) -> Json:
    """A producer, which everybody in the room is offered."""
    broadcaster = call.broadcaster
    with call.one_more(broadcaster.producers, "producers"):
        producer = await call.transport(transport_id).produce(
            kind=body.kind,
            rtp_parameters=body.rtp_parameters,
            app_data={**(body.app_data or {}), "peerId": broadcaster.id},
        )
        call.keep(broadcaster.producers, producer)
    await call.room.offer(broadcaster, producer)
    return {"id": producer.id}


async def consume(call: Call, transport_id: str, producer_id: str) -> Json:
    """A consumer, which sends at once, or as soon as its transport knows where to."""
    broadcaster = call.broadcaster
    transport = call.transport(transport_id)
    capabilities = broadcaster.rtp_capabilities
    if capabilities is None:
        raise RequestError(FAILED, "broadcaster does not have rtpCapabilities")
    if not producer_id:
        raise ValueError("missing query.producerId")

    async def make(before: Consumer | None) -> Consumer:
        is_plain = isinstance(transport, PlainTransport)
        return await transport.consume(
            producer_id=producer_id,
            rtp_capabilities=capabilities,
            mid=before.rtp_parameters.mid if before is not None else None,
            ssrcs_of=before.rtp_parameters if before is not None and is_plain else None,
        )

    consumer = await _begun(
        Feed(
            broadcaster,
            call.shard,
            producer_id,
            call.shard.fetch,
            make,
            lambda: call.one_more(broadcaster.consumers, "consumers"),
            lambda made: call.keep(broadcaster.consumers, made),
        )
    )
    return {
        "id": consumer.id,
        "producerId": producer_id,
        "kind": consumer.kind,
        "rtpParameters": to_json(consumer.rtp_parameters),
        "type": consumer.type,
    }


async def consume_data(call: Call, transport_id: str, data_producer_id: str) -> Json:
    """A data consumer."""
    broadcaster = call.broadcaster
    transport = call.transport(transport_id)
    if broadcaster.rtp_capabilities is None:
        raise RequestError(FAILED, "broadcaster does not have rtpCapabilities")
    if not data_producer_id:
        raise ValueError("missing body.dataProducerId")

    async def make(before: DataConsumer | None) -> DataConsumer:
        stream = before.sctp_stream_parameters if before is not None else None
        return await transport.consume_data(
            data_producer_id=data_producer_id, stream_id=stream.stream_id if stream is not None else None
        )

    data_consumer = await _begun(
        Feed(
            broadcaster,
            call.shard,
            data_producer_id,
            call.shard.fetch_data,
            make,
            lambda: call.one_more(broadcaster.data_consumers, "data consumers"),
            lambda made: call.keep(broadcaster.data_consumers, made),
        )
    )
    parameters = data_consumer.sctp_stream_parameters
    return {"id": data_consumer.id, "streamId": parameters.stream_id if parameters is not None else None}


async def _begun(feed: Feed[ProducerT, ConsumerT]) -> ConsumerT:
    """Its first consumer.

    Raises:
        RequestError: It cannot be had.
    """
    try:
        return await feed.begin()
    except ClusterError as error:
        raise RequestError(FAILED, str(error)) from error


async def produce_data(call: Call, transport_id: str, body: ProduceData) -> Json:
    """A data producer; on the chat's channel everybody is offered it at once, else those who join later."""
    broadcaster = call.broadcaster
    with call.one_more(broadcaster.data_producers, "data producers"):
        data_producer = await call.transport(transport_id).produce_data(
            sctp_stream_parameters=body.sctp_stream_parameters,
            label=body.label or "",
            protocol=body.protocol or "",
            app_data={**(body.app_data or {}), "peerId": broadcaster.id},
        )
        call.keep(broadcaster.data_producers, data_producer)
    call.room.offer_data(broadcaster, data_producer)
    return {"id": data_producer.id}
