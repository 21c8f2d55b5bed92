"""Requests on transports, producers and consumers."""

from __future__ import annotations

import logging

from miso.controller import Consumer, ControllerError, Producer, WebRtcTransport, from_json, to_json
from miso.controller.types import DtlsParameters, Trace
from miso.demo.rooms.dialect import Dialect
from miso.demo.rooms.relayed_data import told_bytes
from miso.demo.rooms.requests.answers import found, stats_answer
from miso.demo.rooms.requests.handler import Accept
from miso.demo.rooms.requests.messages import (
    ConnectWebRtcTransport,
    CreateWebRtcTransport,
    OfConsumer,
    OfProducer,
    OfTransport,
    Produce,
    SetConsumerPreferredLayers,
    SetConsumerPriority,
)
from miso.demo.rooms.room import Room
from miso.demo.rooms.session import PeerSession
from miso.demo.workers.media_workers import NUM_SCTP_STREAMS

logger = logging.getLogger(__name__)


def _transport(session: PeerSession, body: OfTransport) -> WebRtcTransport:
    return found(session.transports, "transport", body.transport_id)


def _producer(session: PeerSession, body: OfProducer) -> Producer:
    return found(session.producers, "producer", body.producer_id)


def _consumer(session: PeerSession, body: OfConsumer) -> Consumer:
    return found(session.consumers, "consumer", body.consumer_id)


async def create_webrtc_transport(
    session: PeerSession, room: Room, body: CreateWebRtcTransport, accept: Accept
) -> None:
    """Makes a transport; allowed before joining, so that a client can be ready when it joins."""
    direction = body.app_data.direction if body.app_data is not None else None
    session.dialect.learn(Dialect.CLASSIC if direction is None else Dialect.OF_2026)
    given = from_json(DtlsParameters, body.dtls_parameters) if body.dtls_parameters is not None else None
    producing = bool(body.producing) or direction == "producer"
    with session.making.one_more(session.transports, "transports"):
        shard = await room.place(session, sends=producing)
        transport = await room.transports.create_web_rtc(
            shard,
            session.address,
            force_tcp=bool(body.force_tcp),
            num_sctp_streams=_num_sctp_streams(session, body),
            app_data={
                "producing": producing,
                "consuming": bool(body.consuming) or direction == "consumer",
            },
        )
        if session.closed:  # it left meanwhile, and has closed the transports it had
            transport.close()
            return
        session.add_transport(transport, given)
    transport.on("trace", lambda trace: _tell_downlink(session, transport, trace))
    await transport.enable_trace_event(["bwe"])
    answer = {
        "id": transport.id,
        "transportId": transport.id,
        "iceParameters": to_json(transport.ice_parameters),
        "iceCandidates": to_json(transport.ice_candidates),
        "dtlsParameters": to_json(transport.dtls_parameters),
    }
    if transport.sctp_parameters is not None:
        answer["sctpParameters"] = to_json(transport.sctp_parameters)
    accept(answer)
    limit_bps = room.shared.settings.max_incoming_bitrate
    if limit_bps:
        try:
            await transport.set_max_incoming_bitrate(limit_bps)
        except ControllerError as error:  # it may have closed meanwhile; the limit is no promise to the client
            logger.debug("transport=%s max incoming bitrate not set: %s", transport.id, error)


def _num_sctp_streams(session: PeerSession, body: CreateWebRtcTransport) -> object:
    """Of the data channels that the client can do; None: of none.

    Clients of 2026 say nothing of them: mediasoup-client has had no ``sctpCapabilities`` since 3.21.
    """
    if body.sctp_capabilities is not None:
        return body.sctp_capabilities.get("numStreams")
    return NUM_SCTP_STREAMS if session.speaks_2026 else None


def _tell_downlink(session: PeerSession, transport: WebRtcTransport, trace: Trace) -> None:
    if trace.type == "bwe" and trace.direction == "out":
        names = ("desiredBitrate", "effectiveDesiredBitrate", "availableBitrate")
        session.notify_latest("downlinkBwe", transport.id, {name: trace.info.get(name) for name in names})


async def connect_webrtc_transport(
    session: PeerSession, room: Room, body: ConnectWebRtcTransport, accept: Accept
) -> None:
    """Gives the transport the client's DTLS parameters."""
    await session.paths[_transport(session, body).id].connect(body.dtls_parameters)
    accept()


async def restart_ice(session: PeerSession, room: Room, body: OfTransport, accept: Accept) -> None:
    """Answers with new ICE parameters, and once more under a name for clients of 2026."""
    parameters = to_json(await _transport(session, body).restart_ice())
    assert isinstance(parameters, dict)
    accept({**parameters, "iceParameters": parameters})


async def produce(session: PeerSession, room: Room, body: Produce, accept: Accept) -> None:
    """Makes a producer, and a consumer of it for each other peer."""
    transport = _transport(session, body)
    with session.making.one_more(session.producers, "producers"):
        producer = await session.producing.make(
            told_bytes(body.rtp_parameters, body.app_data),
            transport.produce(
                kind=body.kind,
                rtp_parameters=body.rtp_parameters,
                app_data={**(body.app_data or {}), "peerId": session.id},
            ),
        )
        # From here to the consumers nothing waits; see join
        session.add_producer(producer)
    accept({"id": producer.id, "producerId": producer.id})
    await room.offer(session, producer)


async def close_producer(session: PeerSession, room: Room, body: OfProducer, accept: Accept) -> None:
    """Closes it, and with it its consumers."""
    _producer(session, body).close()
    accept()


async def pause_producer(session: PeerSession, room: Room, body: OfProducer, accept: Accept) -> None:
    """Pauses it; the other peers hear consumerPaused."""
    await _producer(session, body).pause()
    accept()


async def resume_producer(session: PeerSession, room: Room, body: OfProducer, accept: Accept) -> None:
    """Resumes it; the other peers hear consumerResumed."""
    await _producer(session, body).resume()
    accept()


async def pause_consumer(session: PeerSession, room: Room, body: OfConsumer, accept: Accept) -> None:
    """Pauses it, for this peer only."""
    await _consumer(session, body).pause()
    accept()


async def resume_consumer(session: PeerSession, room: Room, body: OfConsumer, accept: Accept) -> None:
    """Resumes it."""
    await _consumer(session, body).resume()
    accept()


async def set_consumer_preferred_layers(
    session: PeerSession, room: Room, body: SetConsumerPreferredLayers, accept: Accept
) -> None:
    """Sets the best layers the peer wants."""
    await _consumer(session, body).set_preferred_layers(body.spatial_layer, body.temporal_layer)
    accept()


async def set_consumer_priority(session: PeerSession, room: Room, body: SetConsumerPriority, accept: Accept) -> None:
    """Sets how much it matters when bandwidth is short."""
    await _consumer(session, body).set_priority(body.priority)
    accept()


async def request_consumer_key_frame(session: PeerSession, room: Room, body: OfConsumer, accept: Accept) -> None:
    """Asks the sender for a whole picture."""
    await _consumer(session, body).request_key_frame()
    accept()


async def get_transport_stats(session: PeerSession, room: Room, body: OfTransport, accept: Accept) -> None:
    """Answers with the transport's statistics."""
    accept(stats_answer(session, await _transport(session, body).get_stats()))


async def get_producer_stats(session: PeerSession, room: Room, body: OfProducer, accept: Accept) -> None:
    """Answers with the statistics of each stream."""
    accept(stats_answer(session, await _producer(session, body).get_stats()))


async def get_consumer_stats(session: PeerSession, room: Room, body: OfConsumer, accept: Accept) -> None:
    """Answers with the statistics of the stream and of the producer's stream behind it."""
    accept(stats_answer(session, await _consumer(session, body).get_stats()))
