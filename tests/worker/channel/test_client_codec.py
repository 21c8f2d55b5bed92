"""What a controller writes and reads, in both dialects."""

import pytest

from miso.worker.channel import commands, events
from miso.worker.channel.bodies.data_producer import DataMessage
from miso.worker.channel.bodies.router import CloseTransportRequest
from miso.worker.channel.bodies.rtp_observer import ObservedProducerRequest
from miso.worker.channel.bodies.transport import ConsumerLayers, ProduceResponse
from miso.worker.channel.bodies.worker import CreateRouterRequest
from miso.worker.channel.client_codec import (
    Accepted,
    LogLine,
    Notification,
    Refused,
    decode_event,
    decode_response,
    encode_payload_notification,
    encode_payload_request,
    encode_request,
    parse_message,
)
from miso.worker.channel.codec import Dialect, LogLevel, parse_payload_header, parse_request
from miso.worker.errors import ParseError

TRANSPORT = {"routerId": "r", "transportId": "t"}


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    ("command", "internal", "body", "handler_id"),
    [
        (commands.WORKER_DUMP, {}, None, None),
        (commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="r"), None),
        (commands.TRANSPORT_GET_STATS, TRANSPORT, None, "t"),
        (commands.TRANSPORT_CLOSE, TRANSPORT, CloseTransportRequest(transport_id="t"), "r"),
        (
            commands.RTP_OBSERVER_ADD_PRODUCER,
            {"routerId": "r", "rtpObserverId": "o"},
            ObservedProducerRequest(producer_id="p"),
            "o",
        ),
    ],
)
def test_worker_reads_what_the_controller_writes(dialect, command, internal, body, handler_id):
    request = parse_request(encode_request(12, command, internal, body, dialect))
    assert (request.id, request.command, request.handler_id, request.dialect) == (12, command, handler_id, dialect)
    assert request.body() == body


@pytest.mark.parametrize("dialect", Dialect)
def test_worker_reads_the_payload_headers_the_controller_writes(dialect):
    ids = {**TRANSPORT, "dataProducerId": "d", "dataConsumerId": "e"}
    body = DataMessage(ppid=51)
    notification = parse_payload_header(encode_payload_notification(commands.DATA_PRODUCER_SEND, ids, body, dialect))
    assert (notification.id, notification.handler_id, notification.body()) == (0, "d", body)
    request = parse_payload_header(encode_payload_request(4, commands.DATA_CONSUMER_SEND, ids, body, dialect))
    assert (request.id, request.handler_id, request.body()) == (4, "e", body)


def test_exact_text_of_the_two_dialects():
    body = CreateRouterRequest(router_id="r")
    assert encode_request(1, commands.WORKER_CREATE_ROUTER, {}, body) == (
        b'{"id":1,"method":"worker.createRouter","internal":{"routerId":"r"},"data":{"routerId":"r"}}'
    )
    close = CloseTransportRequest(transport_id="t")
    assert encode_request(2, commands.TRANSPORT_CLOSE, {"routerId": "r"}, close, Dialect.V3_12) == (
        b'2:router.closeTransport:r:{"transportId":"t"}'
    )
    assert encode_request(3, commands.WORKER_DUMP, {}, None, Dialect.V3_12) == b"3:worker.dump:undefined:undefined"


def test_messages_of_the_worker():
    assert parse_message(b'{"id":1,"accepted":true}') == Accepted(1, None)
    assert parse_message(b'{"id":1,"accepted":true,"data":{"type":"svc"}}') == Accepted(1, {"type": "svc"})
    assert parse_message(b'{"id":2,"error":"TypeError","reason":"no"}') == Refused(2, "TypeError", "no")
    assert parse_message(b'{"targetId":321,"event":"running"}') == Notification("321", "running", None)
    assert parse_message(b"Etrouble") == LogLine(LogLevel.ERROR, "trouble")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"{", b'{"id":1}', b'{"targetId":[],"event":"x"}'])
def test_unreadable_message_of_the_worker_is_a_parse_error(body):
    with pytest.raises(ParseError):
        parse_message(body)


def test_bodies_come_out_typed():
    assert decode_response(commands.TRANSPORT_PRODUCE, {"type": "svc"}) == ProduceResponse(type="svc")
    assert decode_response(commands.CONSUMER_SET_PREFERRED_LAYERS, None) is None
    layers = events.BY_NAME["consumer", "layerschange"]
    assert decode_event(layers, None) is None
    assert decode_event(layers, {"spatialLayer": 1, "temporalLayer": 2}) == ConsumerLayers(
        spatial_layer=1, temporal_layer=2
    )
    scores = decode_event(events.BY_NAME["producer", "score"], [{"encodingIdx": 0, "ssrc": 9, "score": 7, "rid": "r0"}])
    assert scores == [events.ProducerScore(encoding_idx=0, ssrc=9, score=7, rid="r0")]


def test_wrong_shape_from_the_worker_is_a_parse_error():
    with pytest.raises(ParseError, match=r"\$\.type"):
        decode_response(commands.TRANSPORT_PRODUCE, {"type": "cubist"})
