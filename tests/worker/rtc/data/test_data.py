"""Data producers and data consumers over SCTP: two pipe transports, the application at both ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from miso.worker.channel.bodies.data_consumer import SetBufferedAmountLowThresholdRequest
from miso.worker.channel.bodies.data_producer import DataMessage
from miso.worker.channel.bodies.router import CreateDirectTransportRequest, CreatePipeTransportRequest
from miso.worker.channel.bodies.transport import ConnectRequest, ConsumeDataRequest, ProduceDataRequest
from miso.worker.errors import BodyError, CommandError
from miso.worker.rtc.data.data_consumer import DataConsumer
from miso.worker.rtc.data.data_producer import DataProducer
from miso.worker.rtc.router_tables import RouterTables
from miso.worker.rtc.transport.direct_transport import DirectTransport
from miso.worker.rtc.transport.pipe_transport import PipeTransport
from miso.worker.rtc.transport.transport import Transport
from tests.worker.rtc.rig import Rig

STRING, BINARY, EMPTY_STRING, EMPTY_BINARY = 51, 53, 56, 57  # payload protocol identifiers of RFC 8831 section 8
MAX_MESSAGE_SIZE = 100_000
SEND_BUFFER_SIZE = 150_000


class Line:
    """An application, a router, SCTP, another router, an application."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.far_tables = RouterTables("far")
        self.near = self._transport(rig.tables, "near")
        self.far = self._transport(self.far_tables, "far-end")
        self.source = self._direct(rig.tables, "source")
        self.sink = self._direct(self.far_tables, "sink")

    def _transport(self, tables: RouterTables, transport_id: str) -> PipeTransport:
        body = {
            "transportId": transport_id,
            "listenIp": {"ip": "127.0.0.1"},
            "enableSctp": True,
            "numSctpStreams": {"OS": 16, "MIS": 64},
            "maxSctpMessageSize": MAX_MESSAGE_SIZE,
            "sctpSendBufferSize": SEND_BUFFER_SIZE,
        }
        request = msgspec.convert(body, CreatePipeTransportRequest)
        return PipeTransport(self.rig.context, tables, transport_id, request)

    def _direct(self, tables: RouterTables, transport_id: str) -> DirectTransport:
        body = CreateDirectTransportRequest(transport_id=transport_id, max_message_size=2 * MAX_MESSAGE_SIZE)
        return DirectTransport(self.rig.context, tables, transport_id, body)

    def connect(self) -> None:
        """Joins the routers and waits for the association."""
        for one, other in ((self.near, self.far), (self.far, self.near)):
            tuple_ = other.dump().tuple
            one.connect(ConnectRequest(ip=tuple_.local_ip, port=tuple_.local_port))
        self.settle()

    def settle(self, milliseconds: float = 2000) -> None:
        """Lets everything arrive that is on its way."""
        for _ in range(10):
            self.rig.pump()
            self.rig.clock.advance(milliseconds / 10)
        self.rig.pump()

    def lose(self) -> None:
        """Throws away what is on its way to the far end."""
        self.far.connected = False
        self.rig.pump()
        self.far.connected = True

    def lay(self, name: str = "m", stream_id: int = 1, **options: Any) -> tuple[DataProducer, DataConsumer]:
        """A data producer of the application whose messages cross to the other application on a stream."""
        producer = produce(self.source, f"{name}-source")
        consumer = consume(self.near, f"{name}-near", producer.id, streamId=stream_id, **options)
        piped = produce(self.far, f"{name}-far", streamId=stream_id, **options)
        consume(self.sink, f"{name}-sink", piped.id)
        return producer, consumer

    def arrived(self, name: str = "m") -> list[bytes]:
        """The messages that reached the other application so far."""
        return [
            data for target, event, data in self.rig.notifier.payloads if (target, event) == (f"{name}-sink", "message")
        ]


def produce(transport: Transport, data_producer_id: str, **stream: Any) -> DataProducer:
    body: dict[str, Any] = {"dataProducerId": data_producer_id, "type": "sctp" if stream else "direct"}
    if stream:
        body["sctpStreamParameters"] = stream
    transport.produce_data(msgspec.convert(body, ProduceDataRequest))
    return transport.data_producers[data_producer_id]


def consume(transport: Transport, data_consumer_id: str, data_producer_id: str, **stream: Any) -> DataConsumer:
    body: dict[str, Any] = {
        "dataConsumerId": data_consumer_id,
        "dataProducerId": data_producer_id,
        "type": "sctp" if stream else "direct",
    }
    if stream:
        body["sctpStreamParameters"] = stream
    transport.consume_data(msgspec.convert(body, ConsumeDataRequest))
    return transport.data_consumers[data_consumer_id]


@pytest.fixture
def line(rig: Rig) -> Iterator[Line]:
    line = Line(rig)
    yield line
    line.far_tables.close()


@pytest.fixture
def connected(line: Line) -> Line:
    line.connect()
    return line


def test_association_of_both_ends_connects_once_the_transports_are(line: Line) -> None:
    assert (line.near.dump().sctp_state, line.far.dump().sctp_state) == ("new", "new")
    line.connect()
    assert (line.near.dump().sctp_state, line.near.get_stats()[0].sctp_state) == ("connected", "connected")
    for transport in ("near", "far-end"):
        assert line.rig.notifier.take(transport, "sctpstatechange") == [
            {"sctpState": "connecting"},
            {"sctpState": "connected"},
        ]


def test_messages_arrive_in_order_and_unchanged(connected: Line) -> None:
    producer, consumer = connected.lay()
    messages = [b"a", b"\x00", bytes(5000), *(str(number).encode() for number in range(100))]
    for message in messages:
        producer.send(DataMessage(ppid=BINARY), message)
    connected.settle()
    assert connected.arrived() == messages
    [sent], [received] = consumer.get_stats(), connected.far.data_producers["m-far"].get_stats()
    assert (sent.messages_sent, sent.bytes_sent) == (103, sum(map(len, messages)))
    assert (received.messages_received, received.bytes_received) == (103, sum(map(len, messages)))
    assert sent.buffered_amount == 0


def test_empty_messages_keep_their_identifiers(connected: Line) -> None:
    """An empty message is one byte with an identifier of its own (RFC 8831 section 6.6); the worker passes both on."""
    producer, _ = connected.lay()
    for ppid, message in ((EMPTY_STRING, b" "), (EMPTY_BINARY, b"\0"), (STRING, b"x")):
        producer.send(DataMessage(ppid=ppid), message)
    connected.settle()
    assert connected.rig.notifier.payload_bodies == [{"ppid": 56}, {"ppid": 57}, {"ppid": 51}]
    assert connected.arrived() == [b" ", b"\0", b"x"]


def test_message_of_the_maximum_size_arrives_and_a_longer_one_does_not_leave(connected: Line) -> None:
    producer, consumer = connected.lay()
    producer.send(DataMessage(ppid=BINARY), bytes(MAX_MESSAGE_SIZE))
    producer.send(DataMessage(ppid=BINARY), bytes(MAX_MESSAGE_SIZE + 1))
    connected.settle()
    assert [len(message) for message in connected.arrived()] == [MAX_MESSAGE_SIZE]
    with pytest.raises(BodyError, match="exceeds maxMessageSize"):
        consumer.send(DataMessage(ppid=BINARY), bytes(MAX_MESSAGE_SIZE + 1))


def test_application_sends_through_a_data_consumer(connected: Line) -> None:
    _, consumer = connected.lay()
    consumer.send(DataMessage(ppid=STRING), b"hello")
    connected.settle()
    assert connected.arrived() == [b"hello"]
    with pytest.raises(CommandError, match="message send failed"):
        consumer.send(DataMessage(ppid=STRING), b"")


def test_lost_messages_come_again(connected: Line) -> None:
    producer, _ = connected.lay()
    for number in range(5):
        producer.send(DataMessage(ppid=BINARY), bytes([number]))
    connected.lose()
    connected.settle(10_000)
    assert connected.arrived() == [bytes([number]) for number in range(5)]


@pytest.mark.parametrize("limit", [{"maxPacketLifeTime": 20}, {"maxRetransmits": 0}])
def test_what_may_be_lost_is_given_up(connected: Line, limit: dict[str, Any]) -> None:
    producer, _ = connected.lay(ordered=False, **limit)
    producer.send(DataMessage(ppid=BINARY), b"lost")
    connected.lose()
    connected.settle(10_000)
    producer.send(DataMessage(ppid=BINARY), b"next")
    connected.settle(10_000)
    assert connected.arrived() == [b"next"]


def test_buffered_amount_falls_to_the_threshold(connected: Line) -> None:
    _, consumer = connected.lay()
    consumer.set_buffered_amount_low_threshold(SetBufferedAmountLowThresholdRequest(threshold=1000))
    assert connected.rig.notifier.take("m-near", "bufferedamountlow") == [{"bufferedAmount": 0}]
    for _ in range(10):
        consumer.send(DataMessage(ppid=BINARY), bytes(1000))
    assert consumer.get_buffered_amount().buffered_amount == 10_000
    assert connected.near.dump().sctp_parameters is not None
    assert connected.near.dump().sctp_parameters.sctp_buffered_amount == 10_000  # type: ignore[union-attr]
    connected.settle()
    [low] = connected.rig.notifier.take("m-near", "bufferedamountlow")
    assert low["bufferedAmount"] <= 1000
    assert consumer.get_buffered_amount().buffered_amount == 0


def test_many_data_consumers_are_told_of_a_low_amount_once_each_and_not_all_at_once(connected: Line) -> None:
    _, consumer = connected.lay()
    silent = produce(connected.source, "silent")
    names = [f"c{number}" for number in range(300)]
    for number, name in enumerate(names):
        consume(connected.near, name, silent.id, streamId=number + 2)
    connected.settle()

    def told() -> list[int]:
        return [len(connected.rig.notifier.take(name, "bufferedamountlow")) for name in names]

    told()
    connected.near.data_consumers["c7"].close()
    consumer.send(DataMessage(ppid=BINARY), b"x")
    connected.rig.pump()
    first = sum(told())
    assert 0 < first < 150
    connected.settle()
    assert first + sum(told()) == 299


def test_full_send_buffer_is_told_and_the_association_lives_on(connected: Line) -> None:
    producer, consumer = connected.lay()
    consumer.send(DataMessage(ppid=BINARY), bytes(MAX_MESSAGE_SIZE))
    with pytest.raises(CommandError, match="sctpsendbufferfull"):
        consumer.send(DataMessage(ppid=BINARY), bytes(MAX_MESSAGE_SIZE))
    producer.send(DataMessage(ppid=BINARY), bytes(MAX_MESSAGE_SIZE))
    assert len(connected.rig.notifier.take("m-near", "sctpsendbufferfull")) == 2
    connected.settle()
    consumer.send(DataMessage(ppid=BINARY), b"again")
    connected.settle()
    assert [len(message) for message in connected.arrived()] == [MAX_MESSAGE_SIZE, 5]


def test_messages_before_the_association_is_there_are_dropped(line: Line) -> None:
    producer, consumer = line.lay()
    producer.send(DataMessage(ppid=BINARY), b"early")
    with pytest.raises(CommandError, match="message send failed"):
        consumer.send(DataMessage(ppid=BINARY), b"early")
    line.connect()
    producer.send(DataMessage(ppid=BINARY), b"late")
    line.settle()
    assert line.arrived() == [b"late"]
    assert consumer.get_stats()[0].messages_sent == 1


def test_channel_establishment_messages_are_ignored(connected: Line) -> None:
    """Streams are told by signaling; what browsers open with a DCEP message (PPID 50) is no application's."""
    _, consumer = connected.lay()
    consumer.send(DataMessage(ppid=50), b"\x03")
    consumer.send(DataMessage(ppid=BINARY), b"x")
    connected.settle()
    assert connected.arrived() == [b"x"]


def test_closed_stream_can_be_used_again(connected: Line) -> None:
    for round_ in range(3):
        name = f"round{round_}"
        producer, consumer = connected.lay(name)
        for number in range(3):
            producer.send(DataMessage(ppid=BINARY), bytes([number]))
        connected.settle()
        assert connected.arrived(name) == [b"\0", b"\1", b"\2"]
        producer.close()
        connected.far.data_producers[f"{name}-far"].close()
        connected.settle(5000)
        del consumer


@pytest.mark.parametrize("early", [True, False], ids=["before it is connected", "later"])
def test_stream_beyond_those_agreed_on_makes_the_association_ask_for_more(line: Line, early: bool) -> None:
    if not early:
        line.connect()
    producer, _ = line.lay(stream_id=40)
    if early:
        line.connect()
    line.settle()
    producer.send(DataMessage(ppid=BINARY), b"x")
    line.settle()
    assert line.arrived() == [b"x"]
    parameters = line.near.dump().sctp_parameters
    assert parameters is not None
    assert (parameters.os, parameters.mis) == (48, 64)


def test_stream_that_the_peer_does_not_allow_carries_nothing(connected: Line) -> None:
    producer, consumer = connected.lay(stream_id=100)
    connected.settle()
    producer.send(DataMessage(ppid=BINARY), b"x")
    with pytest.raises(CommandError, match="message send failed"):
        consumer.send(DataMessage(ppid=BINARY), b"x")
    connected.settle()
    assert connected.arrived() == []
    connected.lay("other", stream_id=3)[0].send(DataMessage(ppid=BINARY), b"y")
    connected.settle()
    assert connected.arrived("other") == [b"y"]


def test_stream_of_a_data_producer_is_its_alone(line: Line) -> None:
    produce(line.far, "one", streamId=3)
    with pytest.raises(CommandError, match="streamId already exists"):
        produce(line.far, "two", streamId=3)
    listener = line.far.dump().sctp_listener
    assert listener is not None
    assert listener.stream_id_table == {"3": "one"}
    assert "two" not in line.rig.world.ids
    line.far.data_producers["one"].close()
    produce(line.far, "two", streamId=3)


@pytest.mark.parametrize(
    ("stream", "text"),
    [
        ({"streamId": 1, "maxPacketLifeTime": 1, "maxRetransmits": 1}, "cannot provide both"),
        ({"streamId": 1, "ordered": True, "maxRetransmits": 1}, "cannot be ordered"),
        ({"streamId": 1, "ordered": True, "maxPacketLifeTime": 1}, "cannot be ordered"),
    ],
)
def test_contradictory_stream_parameters_are_refused(line: Line, stream: dict[str, Any], text: str) -> None:
    with pytest.raises(BodyError, match=text):
        produce(line.far, "p", **stream)
    with pytest.raises(BodyError, match="missing sctpStreamParameters"):
        line.far.produce_data(ProduceDataRequest(data_producer_id="p", type="sctp"))


def test_limit_makes_a_stream_unordered(line: Line) -> None:
    dump = produce(line.far, "p", streamId=4, maxPacketLifeTime=700).dump()
    assert msgspec.to_builtins(dump.sctp_stream_parameters) == {
        "streamId": 4,
        "ordered": False,
        "maxPacketLifeTime": 700,
    }
    assert produce(line.far, "q", streamId=5).dump().sctp_stream_parameters.ordered  # type: ignore[union-attr]


def test_closing_a_transport_ends_the_other_ends_association(connected: Line) -> None:
    connected.rig.notifier.take("far-end", "sctpstatechange")
    connected.near.close()
    connected.settle()
    assert connected.far.dump().sctp_state == "closed"
    assert connected.rig.notifier.take("far-end", "sctpstatechange") == [{"sctpState": "closed"}]


def test_a_closing_transport_tells_nothing_of_its_association(connected: Line) -> None:
    producer, consumer = connected.lay()
    produce(connected.near, "back", streamId=7)
    producer.send(DataMessage(ppid=BINARY), bytes(100_000))
    assert consumer.get_stats()[0].buffered_amount > 0
    connected.rig.notifier.events.clear()
    connected.near.close()
    assert [event for target, event, _ in connected.rig.notifier.events if target in ("near", "m-near", "back")] == []


def test_bytes_that_are_not_sctp_do_no_harm(connected: Line) -> None:
    producer, _ = connected.lay()
    for junk in (
        b"",
        b"\x13\x88",
        b"\x13\x88\x13\x88",
        b"\x13\x88\x13\x88" + bytes(8),
        b"\x13\x88\x13\x88" + b"\xff" * 60,
    ):
        connected.far.on_sctp(junk, connected.rig.clock.now_us())
    producer.send(DataMessage(ppid=BINARY), b"x")
    connected.settle()
    assert connected.arrived() == [b"x"]


def test_streams_go_on_with_another_association_when_the_other_end_is_another_one(connected: Line) -> None:
    producer, consumer = connected.lay(stream_id=40)  # more streams than the association began with
    consumer.set_buffered_amount_low_threshold(SetBufferedAmountLowThresholdRequest(threshold=10))
    connected.settle()
    producer.send(DataMessage(ppid=BINARY), b"before")
    connected.settle()
    connected.rig.notifier.events.clear()
    connected.far.connected = False
    producer.send(DataMessage(ppid=BINARY), bytes(1000))  # it is on its way when the other end is lost
    connected.far.connected = True
    connected.far.close()
    connected.near.disconnect()
    connected.far = connected._transport(connected.far_tables, "far again")
    piped = produce(connected.far, "m-far", streamId=40)
    consume(connected.sink, "m-sink", piped.id)
    producer.send(DataMessage(ppid=BINARY), b"to nobody")
    connected.connect()
    producer.send(DataMessage(ppid=BINARY), b"after")
    connected.settle()
    assert connected.arrived() == [b"before", b"after"]
    assert [body["sctpState"] for body in connected.rig.notifier.take("near", "sctpstatechange")] == [
        "new",
        "connecting",
        "connected",
    ]
    assert connected.rig.notifier.take("m-near", "bufferedamountlow")[0] == {"bufferedAmount": 0}
    assert connected.near.dump().sctp_parameters is not None
    assert consumer.get_buffered_amount().buffered_amount == 0
