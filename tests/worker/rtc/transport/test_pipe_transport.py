"""Pipe transports: all streams of a producer in another router, with and without SRTP."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from miso.worker.channel.bodies.router import CreatePipeTransportRequest
from miso.worker.channel.bodies.transport import ConnectRequest, ConsumeRequest, ConsumerLayers
from miso.worker.errors import BodyError, CommandError
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.router_tables import RouterTables
from miso.worker.rtc.transport.pipe_transport import PipeTransport
from miso.worker.rtcp.feedback import Nack, Pli
from miso.worker.rtcp.reports import SenderReport
from tests.worker.rtc.layered_sender import LayeredSender
from tests.worker.rtc.parameters import (
    MAPPED_SSRC,
    VIDEO_FEEDBACK,
    VIDEO_SSRC,
    consume_body,
    produce_body,
    video_parameters,
)
from tests.worker.rtc.rig import Peer, Rig
from tests.worker.rtc.world import hears_strangers
from tests.worker.rtp.packets import DELTA_FRAME, KEY_FRAME, rtp


@dataclass
class Pipe:
    """Two routers of one worker and the transports that join them."""

    rig: Rig
    near: PipeTransport
    far: PipeTransport

    def consume(self, producer: Producer, *, rtx: bool = False, count: int = 1) -> Consumer:
        """The near end's consumer of all streams of a producer."""
        body = pipe_consumer_body(producer, rtx=rtx, count=count)
        self.near.consume(body)
        return self.near.consumers[body.consumer_id]

    def produce(self, consumer: Consumer) -> Producer:
        """The far end's producer of what a consumer sends."""
        count, rtx = len(consumer.streams), bool(consumer.streams[0].rtx_ssrc)
        self.far.produce(produce_body("piped", parameters=pipe_parameters(count, rtx=rtx)))
        return self.far.producers["piped"]


def make_transport(rig: Rig, tables: RouterTables, transport_id: str, **options: Any) -> PipeTransport:
    body = {"transportId": transport_id, "listenIp": {"ip": "127.0.0.1"}, **options}
    return PipeTransport(rig.context, tables, transport_id, msgspec.convert(body, CreatePipeTransportRequest))


def connect(one: PipeTransport, other: PipeTransport) -> None:
    dump = other.dump()
    one.connect(
        ConnectRequest(ip=dump.tuple.local_ip, port=dump.tuple.local_port, srtp_parameters=dump.srtp_parameters)
    )


@pytest.fixture(params=[False, True], ids=["plain", "srtp"])
def pipe(request: pytest.FixtureRequest, rig: Rig) -> Any:
    far_tables = RouterTables("far")
    near = make_transport(rig, rig.tables, "near", enableSrtp=request.param, enableRtx=True)
    far = make_transport(rig, far_tables, "far-end", enableSrtp=request.param, enableRtx=True)
    connect(near, far)
    connect(far, near)
    yield Pipe(rig, near, far)
    far_tables.close()


def pipe_parameters(count: int, *, rtx: bool) -> dict[str, Any]:
    feedback = VIDEO_FEEDBACK[1:3] if not rtx else VIDEO_FEEDBACK[:3]
    codecs = [{"mimeType": "video/VP8", "payloadType": 100, "clockRate": 90000, "rtcpFeedback": feedback}]
    if rtx:
        codecs.append({"mimeType": "video/rtx", "payloadType": 101, "clockRate": 90000, "parameters": {"apt": 100}})
    encodings: list[dict[str, Any]] = [{"ssrc": 7000 + index} for index in range(count)]
    if rtx:
        encodings = [{**encoding, "rtx": {"ssrc": 7100 + index}} for index, encoding in enumerate(encodings)]
    return {"codecs": codecs, "encodings": encodings, "rtcp": {"cname": "sender"}}


def pipe_consumer_body(producer: Producer, *, rtx: bool, count: int) -> ConsumeRequest:
    body = {
        "consumerId": "pipe",
        "producerId": producer.id,
        "kind": "video",
        "rtpParameters": pipe_parameters(count, rtx=rtx),
        "type": "pipe",
        "consumableRtpEncodings": [{"ssrc": MAPPED_SSRC + index} for index in range(count)],
    }
    return msgspec.convert(body, ConsumeRequest)


def simulcast(rig: Rig, sender: Peer, count: int = 3) -> Producer:
    """A producer of ``count`` encodings with the SSRCs from ``VIDEO_SSRC`` on."""
    encodings = [{"ssrc": VIDEO_SSRC + 10 * index} for index in range(count)]
    return rig.produce(sender, parameters=video_parameters(encodings=encodings))


def test_packets_reach_a_receiver_of_the_other_router(rig: Rig, pipe: Pipe) -> None:
    sender = rig.connect()
    consumer = pipe.consume(rig.produce(sender))
    piped = pipe.produce(consumer)
    sender.send(*(rtp(n, KEY_FRAME if n == 1 else DELTA_FRAME, ssrc=VIDEO_SSRC, payload_type=96) for n in range(1, 6)))
    [stats] = piped.get_stats()
    assert (stats.packet_count, stats.ssrc) == (5, 7000)
    assert pipe.far.plane.rtp_received.bytes == pipe.near.plane.rtp_sent.bytes > 0


def test_every_stream_of_a_simulcast_producer_keeps_its_own_ssrc(rig: Rig, pipe: Pipe) -> None:
    sender = rig.connect()
    consumer = pipe.consume(simulcast(rig, sender), count=3)
    piped = pipe.produce(consumer)
    # the highest layer comes first, and each starts at a key frame of its own
    for index in (2, 0, 1):
        ssrc = VIDEO_SSRC + 10 * index
        sender.send(rtp(100 * index, DELTA_FRAME, ssrc=ssrc, payload_type=96))
        sender.send(rtp(100 * index + 1, KEY_FRAME, ssrc=ssrc, payload_type=96))
        for number in range(2, 2 + index):
            sender.send(rtp(100 * index + number, DELTA_FRAME, ssrc=ssrc, payload_type=96))
    assert {stats.ssrc: stats.packet_count for stats in piped.get_stats()} == {7000: 1, 7001: 2, 7002: 3}
    assert [stats.packet_count for stats in consumer.get_stats()] == [1, 2, 3]
    assert [dump.params.encoding_idx for dump in consumer.dump().rtp_streams or ()] == [0, 1, 2]
    assert consumer.dump().rtp_stream is None


def test_picture_loss_asks_the_sender_of_that_stream(rig: Rig, pipe: Pipe) -> None:
    sender = rig.connect()
    consumer = pipe.consume(simulcast(rig, sender, 2), count=2)
    for index in range(2):
        sender.send(rtp(1, KEY_FRAME, ssrc=VIDEO_SSRC + 10 * index, payload_type=96))
    sender.rtcp()
    pipe.far.send_rtcp(Pli(1, 7001).to_bytes())
    rig.pump()
    assert [pli.media_ssrc for pli in sender.rtcp(Pli)] == [VIDEO_SSRC + 10]
    assert [stats.pli_count for stats in consumer.get_stats()] == [0, 1]


def test_losses_between_the_routers_are_repaired_by_rtx(rig: Rig, pipe: Pipe) -> None:
    sender = rig.connect()
    consumer = pipe.consume(rig.produce(sender), rtx=True)
    piped = pipe.produce(consumer)
    sender.send(rtp(1, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96))
    pipe.far.connected = pipe.far.plane.connected = False  # what comes now is lost
    sender.send(rtp(2, DELTA_FRAME, ssrc=VIDEO_SSRC, payload_type=96))
    pipe.far.connected = pipe.far.plane.connected = True
    sender.send(rtp(3, DELTA_FRAME, ssrc=VIDEO_SSRC, payload_type=96))
    rig.clock.advance(10)
    rig.pump()
    [stats] = piped.get_stats()
    assert stats.packets_repaired == 1
    [sent] = consumer.get_stats()
    assert (sent.nack_count, sent.packets_retransmitted) == (1, 1)


def test_a_paused_producer_is_silent_in_the_other_router_until_a_key_frame(rig: Rig, pipe: Pipe) -> None:
    sender = rig.connect()
    producer = rig.produce(sender)
    consumer = pipe.consume(producer)
    piped = pipe.produce(consumer)
    sender.send(rtp(1, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96))
    producer.pause()
    sender.send(rtp(2, ssrc=VIDEO_SSRC, payload_type=96))
    producer.resume()
    sender.send(rtp(3, ssrc=VIDEO_SSRC, payload_type=96))
    assert piped.get_stats()[0].packet_count == 1
    sender.send(rtp(4, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96))
    assert piped.get_stats()[0].packet_count == 2
    assert [event for target, event, _ in rig.notifier.events if target == "pipe"] == [
        "producerpause",
        "producerresume",
    ]


def test_each_stream_has_its_own_sender_reports(rig: Rig, pipe: Pipe) -> None:
    sender = rig.connect()
    producer = simulcast(rig, sender, 2)
    peer = rig.connect()
    body = pipe_consumer_body(producer, rtx=False, count=2)
    peer.transport.consume(body)
    for index in range(2):
        sender.send(rtp(1, KEY_FRAME, ssrc=VIDEO_SSRC + 10 * index, payload_type=96))
    rig.clock.advance(2500)
    reports = peer.rtcp(SenderReport)
    assert {report.ssrc for report in reports} == {7000, 7001}
    assert {report.packet_count for report in reports} == {1}


def test_scores_of_a_pipe_are_always_the_best_and_not_told(rig: Rig, pipe: Pipe) -> None:
    sender = rig.connect()
    producer = rig.produce(sender)
    response = pipe.near.consume(pipe_consumer_body(producer, rtx=False, count=1))
    assert response.score is not None
    assert (response.score.score, response.score.producer_score) == (10, 10)
    sender.send(rtp(1, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96))
    assert rig.notifier.take("pipe", "score") == []


def test_nack_of_one_stream_leaves_the_others_alone(rig: Rig, pipe: Pipe) -> None:
    sender = rig.connect()
    consumer = pipe.consume(simulcast(rig, sender, 2), rtx=True, count=2)
    for index in range(2):
        sender.send(rtp(1, KEY_FRAME, ssrc=VIDEO_SSRC + 10 * index, payload_type=96))
    number = consumer.streams[1].plane.last_sequence
    pipe.far.send_rtcp(Nack(1, 7001, (number,)).to_bytes())
    rig.pump()
    assert [stats.packets_retransmitted for stats in consumer.get_stats()] == [0, 1]


def test_layers_are_chosen_in_the_other_router(rig: Rig, pipe: Pipe) -> None:
    """The pipe's own sender reports make the timestamps of its streams comparable."""
    sender = LayeredSender(rig, modes=["L1T3"] * 3)
    piped = pipe.produce(pipe.consume(sender.producer, count=3))
    encodings = [{"ssrc": MAPPED_SSRC + index, "scalabilityMode": "L1T3"} for index in range(3)]
    options = {"consumableRtpEncodings": encodings, "rtpParameters": sender.receiver_parameters()}
    body = consume_body("layered", piped, ssrc=7000, type="simulcast", **options)
    pipe.far.consume(body)
    layered = pipe.far.consumers["layered"]
    sender.run(4000, 0, 1, 2, key=True)
    assert layered.dump().current_spatial_layer == 2
    layered.set_preferred_layers(ConsumerLayers(spatial_layer=0, temporal_layer=0))
    sender.run(500, 0, 1, 2, key=True)
    assert layered.dump().current_spatial_layer == 0


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "missing ip"),
        ({"ip": "127.0.0.1"}, "missing port"),
        ({"ip": "999.1.1.1", "port": 9}, "invalid IP"),
        ({"ip": "::1", "port": 9}, "same family"),
        (
            {"ip": "127.0.0.1", "port": 9, "srtpParameters": {"cryptoSuite": "AEAD_AES_256_GCM", "keyBase64": "AA=="}},
            "SRTP not enabled",
        ),
    ],
)
def test_connect_names_what_is_wrong_and_can_be_tried_again(rig: Rig, body: dict[str, Any], text: str) -> None:
    transport = make_transport(rig, rig.tables, "t")
    with pytest.raises(BodyError, match=text):
        transport.connect(msgspec.convert(body, ConnectRequest))
    transport.connect(ConnectRequest(ip="127.0.0.1", port=9))
    with pytest.raises(CommandError, match="already called"):
        transport.connect(ConnectRequest(ip="127.0.0.1", port=9))


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        (None, "missing srtpParameters"),
        ({"cryptoSuite": "AEAD_AES_128_GCM", "keyBase64": "AA=="}, "cryptoSuite"),
        ({"cryptoSuite": "AEAD_AES_256_GCM", "keyBase64": "AA=="}, "key length"),
        ({"cryptoSuite": "AEAD_AES_256_GCM", "keyBase64": "*"}, "keyBase64"),
    ],
)
def test_only_256_bit_gcm_keys_of_full_length_are_taken(rig: Rig, parameters: dict[str, Any] | None, text: str) -> None:
    transport = make_transport(rig, rig.tables, "t", enableSrtp=True)
    body = {"ip": "127.0.0.1", "port": 9, "srtpParameters": parameters}
    with pytest.raises(BodyError, match=text):
        transport.connect(msgspec.convert(body, ConnectRequest))


def test_a_pipe_consumer_has_one_encoding_for_each_of_the_producers(rig: Rig, pipe: Pipe) -> None:
    producer = simulcast(rig, rig.connect(), 2)
    body = pipe_consumer_body(producer, rtx=False, count=2)
    with pytest.raises(BodyError, match="do not match"):
        pipe.near.consume(msgspec.structs.replace(body, consumable_rtp_encodings=body.consumable_rtp_encodings[:1]))


def test_what_an_end_carries_goes_on_when_the_other_end_is_another_one(rig: Rig, pipe: Pipe) -> None:
    sender = rig.connect()
    producer = rig.produce(sender)
    piped = pipe.produce(pipe.consume(producer))
    sender.send(*(rtp(n, KEY_FRAME if n == 1 else DELTA_FRAME, ssrc=VIDEO_SSRC, payload_type=96) for n in range(1, 6)))
    encrypted = pipe.far.dump().srtp_parameters is not None
    pipe.near.close()
    other = make_transport(rig, rig.tables, "near again", enableSrtp=encrypted, enableRtx=True)
    other.consume(pipe_consumer_body(producer, rtx=False, count=1))
    before = pipe.far.dump()
    told = pipe.far.disconnect()
    assert told.tuple is not None
    assert (told.tuple.local_port, told.tuple.remote_port) == (before.tuple.local_port, None)
    assert (told.srtp_parameters is None) == (before.srtp_parameters is None)
    connect(pipe.far, other)
    connect(other, pipe.far)
    sender.send(*(rtp(n, KEY_FRAME if n == 6 else DELTA_FRAME, ssrc=VIDEO_SSRC, payload_type=96) for n in range(6, 9)))
    assert piped.get_stats()[0].packet_count == 8


def test_a_consumer_goes_on_towards_another_end(rig: Rig, pipe: Pipe) -> None:
    sender = rig.connect()
    consumer = pipe.consume(rig.produce(sender))
    pipe.produce(consumer)
    sender.send(rtp(1, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96))
    encrypted = pipe.far.dump().srtp_parameters is not None
    with closing(RouterTables("third")) as tables:
        other = make_transport(rig, tables, "another far end", enableSrtp=encrypted, enableRtx=True)
        other.produce(produce_body("piped too", parameters=pipe_parameters(1, rtx=False)))
        pipe.near.disconnect()
        sender.send(rtp(2, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96))  # there is nobody to send it to
        connect(other, pipe.near)
        connect(pipe.near, other)
        sender.send(rtp(3, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96))
        assert [stats.packet_count for stats in other.producers["piped too"].get_stats()] == [1]
        assert pipe.far.producers["piped"].get_stats()[0].packet_count == 1
        assert consumer.get_stats()[0].packet_count == 2


def test_srtp_never_begins_anew_with_a_key_that_was_in_use(rig: Rig) -> None:
    one = make_transport(rig, rig.tables, "one", enableSrtp=True)
    other = make_transport(rig, rig.tables, "other", enableSrtp=True)
    unused = one.dump().srtp_parameters
    assert one.disconnect().srtp_parameters == unused  # it was not connected
    connect(one, other)
    renewed = one.disconnect().srtp_parameters
    assert renewed is not None
    assert renewed != unused
    assert renewed == one.dump().srtp_parameters


def test_an_end_hears_nothing_of_the_one_that_it_has_forgotten(rig: Rig) -> None:
    peer = rig.connect()
    producer = rig.produce(peer)
    peer.send(rtp(1, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96))
    peer.transport.disconnect()
    peer.send(rtp(2, ssrc=VIDEO_SSRC, payload_type=96))
    assert [stats.packet_count for stats in producer.get_stats()] == [1]
    assert rig.context.plane.counters["unknown_sender"] == 1
    peer.connect()
    peer.send(rtp(3, ssrc=VIDEO_SSRC, payload_type=96))
    assert [stats.packet_count for stats in producer.get_stats()] == [2]


def test_a_port_is_connected_to_the_other_end_as_long_as_it_has_one(rig: Rig, pipe: Pipe) -> None:
    tuple_ = pipe.near.dump().tuple
    port = (tuple_.local_ip, tuple_.local_port)
    assert not hears_strangers(port)
    pipe.near.disconnect()
    assert hears_strangers(port)
    connect(pipe.near, pipe.far)
    assert not hears_strangers(port)


@pytest.mark.parametrize("pipe", [True], ids=["srtp"], indirect=True)
def test_an_ssrc_that_a_consumer_has_is_refused_under_srtp_and_nothing_of_the_attempt_stays(
    rig: Rig, pipe: Pipe
) -> None:
    """Two streams with it would share a keystream. The SSRC that was taken before the wrong one is free again."""
    producer = simulcast(rig, rig.connect(), count=2)
    first = pipe.consume(rig.produce(rig.connect()))
    body = pipe_consumer_body(producer, rtx=False, count=2)
    body = msgspec.structs.replace(body, consumer_id="second")
    body.rtp_parameters.encodings.reverse()
    with pytest.raises(CommandError, match="SSRC 7000 is sent by this transport already"):
        pipe.near.consume(body)
    assert list(pipe.near.consumers) == [first.id]
    first.close()
    pipe.near.consume(body)
    assert [stream.ssrc for stream in pipe.near.consumers["second"].streams] == [7001, 7000]
