"""Direct transports: the application is the peer."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from miso.worker.channel.bodies.data_consumer import SetBufferedAmountLowThresholdRequest
from miso.worker.channel.bodies.data_producer import DataMessage
from miso.worker.channel.bodies.router import CreateDirectTransportRequest
from miso.worker.channel.bodies.transport import ConsumeDataRequest, ProduceDataRequest
from miso.worker.errors import BodyError, CommandError
from miso.worker.rtc.transport.direct_transport import DirectTransport
from miso.worker.rtcp.compound import build_compound, parse_compound
from miso.worker.rtcp.feedback import Nack, Pli
from tests.worker.rtc.parameters import VIDEO_SSRC, consume_body, produce_body
from tests.worker.rtc.rig import Rig
from tests.worker.rtp.packets import KEY_FRAME, parse_rtp, rtp


@pytest.fixture
def direct(rig: Rig) -> DirectTransport:
    body = CreateDirectTransportRequest(transport_id="direct", max_message_size=100)
    return DirectTransport(rig.context, rig.tables, "direct", body)


def data_producer(direct: DirectTransport, **more: Any) -> None:
    body = {"dataProducerId": "dp", "type": "direct", "label": "l", "protocol": "p", **more}
    direct.produce_data(msgspec.convert(body, ProduceDataRequest))


def data_consumer(direct: DirectTransport, **more: Any) -> None:
    body = {"dataConsumerId": "dc", "dataProducerId": "dp", "type": "direct", **more}
    direct.consume_data(msgspec.convert(body, ConsumeDataRequest))


def test_packets_of_the_application_reach_a_peer_and_its_rtcp_comes_back(rig: Rig, direct: DirectTransport) -> None:
    receiver = rig.connect()
    direct.produce(produce_body("p"))
    consumer = rig.consume(receiver, direct.producers["p"])
    direct.producers["p"].send(rtp(1, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96))
    assert [packet.payload for packet in receiver.rtp()] == [KEY_FRAME]
    receiver.send_rtcp(Pli(1, consumer.streams[0].ssrc))
    [(target, event, packet)] = rig.notifier.payloads
    assert (target, event) == ("direct", "rtcp")
    assert parse_compound(packet) == [Pli(VIDEO_SSRC, VIDEO_SSRC)]


def test_packets_of_a_peer_reach_the_application_which_may_ask_for_a_key_frame(
    rig: Rig, direct: DirectTransport
) -> None:
    sender = rig.connect()
    producer = rig.produce(sender)
    direct.consume(consume_body("c", producer, ssrc=50))
    sender.send(rtp(1, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96))
    [(target, event, packet)] = rig.notifier.payloads
    assert (target, event) == ("c", "rtp")
    assert (parse_rtp(packet).ssrc, parse_rtp(packet).payload) == (50, KEY_FRAME)
    direct.send_application_rtcp(build_compound([Pli(1, 50)]))
    assert sender.rtcp(Pli) == [Pli(VIDEO_SSRC, VIDEO_SSRC)]


def test_the_application_gets_again_what_it_misses(rig: Rig, direct: DirectTransport) -> None:
    sender = rig.connect()
    direct.consume(consume_body("c", rig.produce(sender), ssrc=50))
    sender.send(rtp(1, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96))
    [(_, _, packet)] = rig.notifier.payloads
    rig.notifier.payloads.clear()
    number = parse_rtp(packet).sequence_number
    direct.send_application_rtcp(build_compound([Nack(1, 50, (number,))]))
    [(target, event, repair)] = rig.notifier.payloads
    assert (target, event, parse_rtp(repair).ssrc) == ("c", "rtp", 1050)
    assert parse_rtp(repair).payload == number.to_bytes(2, "big") + KEY_FRAME


@pytest.mark.parametrize("packet", [b"", b"\x80", bytes(2000), b"\xff" * 20])
def test_what_is_no_packet_is_dropped(rig: Rig, direct: DirectTransport, packet: bytes) -> None:
    direct.produce(produce_body("p"))
    direct.producers["p"].send(packet)
    direct.send_application_rtcp(packet)
    assert direct.producers["p"].get_stats() == []


def test_messages_pass_from_data_producer_to_data_consumers(rig: Rig, direct: DirectTransport) -> None:
    data_producer(direct)
    data_consumer(direct, label="l2")
    direct.data_producers["dp"].send(DataMessage(ppid=51), b"hello")
    direct.data_producers["dp"].send(DataMessage(ppid=51), bytes(101))
    assert rig.notifier.payloads == [("dc", "message", b"hello")]
    [received] = direct.data_producers["dp"].get_stats()
    assert (received.messages_received, received.bytes_received) == (1, 5)
    [sent] = direct.data_consumers["dc"].get_stats()
    [stats] = direct.get_stats()
    assert (stats.bytes_received, stats.bytes_sent) == (5, 5)
    assert (sent.messages_sent, sent.bytes_sent, sent.label) == (1, 5, "l2")


def test_data_consumer_follows_its_data_producer(rig: Rig, direct: DirectTransport) -> None:
    data_producer(direct)
    data_consumer(direct)
    assert rig.tables.data_consumer_ids_by_data_producer() == {"dp": ["dc"]}
    assert rig.tables.data_producer_ids_by_data_consumer() == {"dc": "dp"}
    direct.data_producers["dp"].close()
    assert rig.notifier.take("dc", "dataproducerclose") == [None]
    assert rig.tables.data_consumers == {}


def test_wrong_data_is_refused(rig: Rig, direct: DirectTransport) -> None:
    with pytest.raises(CommandError, match="not found"):
        data_consumer(direct)
    data_producer(direct)
    with pytest.raises(CommandError):
        data_producer(direct)
    with pytest.raises(BodyError):
        data_producer(direct, type="sctp", dataProducerId="x")
    data_consumer(direct)
    consumer = direct.data_consumers["dc"]
    with pytest.raises(BodyError):
        consumer.get_buffered_amount()
    with pytest.raises(BodyError):
        consumer.set_buffered_amount_low_threshold(SetBufferedAmountLowThresholdRequest(threshold=1))
    with pytest.raises(BodyError):
        consumer.send(DataMessage(ppid=51), b"x")


def test_data_needs_sctp_or_a_direct_transport(rig: Rig) -> None:
    transport = rig.connect().transport
    body = msgspec.convert({"dataProducerId": "dp", "type": "direct"}, ProduceDataRequest)
    with pytest.raises(CommandError, match="SCTP not enabled"):
        transport.produce_data(body)
