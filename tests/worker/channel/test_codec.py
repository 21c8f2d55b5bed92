"""What the worker reads and writes, in both dialects."""

import orjson
import pytest

from miso.worker.channel import commands
from miso.worker.channel.bodies.data_producer import DataMessage
from miso.worker.channel.bodies.router import CloseTransportRequest, CreateWebRtcTransportRequest
from miso.worker.channel.bodies.transport import ConsumeRequest, SetBitrateRequest
from miso.worker.channel.bodies.worker import (
    ChannelMessageHandlers,
    CreateRouterRequest,
    UpdateSettingsRequest,
    WorkerDump,
)
from miso.worker.channel.codec import (
    Dialect,
    LogLevel,
    RequestError,
    encode_error,
    encode_event,
    encode_log,
    encode_response,
    parse_payload_header,
    parse_request,
)
from miso.worker.channel.events import ProducerScore
from miso.worker.errors import BodyError, CommandError, InvalidStateError, ParseError

CREATE_ROUTER_3_10 = b'{"id":1,"method":"worker.createRouter","internal":{"routerId":"af27"}}'
CREATE_ROUTER_3_12 = b'1:worker.createRouter:undefined:{"routerId":"af27"}'


@pytest.mark.parametrize(
    ("body", "dialect"), [(CREATE_ROUTER_3_10, Dialect.V3_10), (CREATE_ROUTER_3_12, Dialect.V3_12)]
)
def test_id_to_create_comes_into_the_body_in_both_dialects(body, dialect):
    request = parse_request(body)
    assert (request.id, request.command, request.handler_id, request.dialect) == (
        1,
        commands.WORKER_CREATE_ROUTER,
        None,
        dialect,
    )
    assert request.body() == CreateRouterRequest(router_id="af27")


CLOSES = [
    b'{"id":7,"method":"transport.close","internal":{"routerId":"r","transportId":"t"}}',
    b'{"id":7,"method":"router.closeTransport","internal":{"routerId":"r"},"data":{"transportId":"t"}}',
    b'7:router.closeTransport:r:{"transportId":"t"}',
]


@pytest.mark.parametrize("body", CLOSES)
def test_both_names_of_a_close_reach_the_parent(body):
    request = parse_request(body)
    assert request.command is commands.TRANSPORT_CLOSE
    assert request.handler_id == "r"
    assert request.body() == CloseTransportRequest(transport_id="t")


def test_old_name_of_a_close_in_the_new_dialect_names_the_object_itself():
    request = parse_request(b"7:transport.close:t:undefined")
    assert request.handler_id is None
    assert request.object_id == "t"


def test_old_name_of_a_close_without_its_parent_names_the_object_itself():
    request = parse_request(b'{"id":7,"method":"transport.close","internal":{"transportId":"t"}}')
    assert request.handler_id is None
    assert request.object_id == "t"


def test_consume_takes_both_ids_from_internal():
    data = {
        "kind": "audio",
        "type": "simple",
        "rtpParameters": {
            "codecs": [{"mimeType": "audio/opus", "payloadType": 100, "clockRate": 48000}],
            "encodings": [{"ssrc": 5}],
        },
        "consumableRtpEncodings": [{"ssrc": 6}],
    }
    internal = {"routerId": "r", "transportId": "t", "consumerId": "c", "producerId": "p"}
    body = parse_request(
        orjson.dumps({"id": 3, "method": "transport.consume", "internal": internal, "data": data})
    ).body()
    assert isinstance(body, ConsumeRequest)
    assert (body.consumer_id, body.producer_id) == ("c", "p")


def test_json_of_the_new_dialect_may_contain_colons():
    body = b'5:router.createWebRtcTransport:r:{"transportId":"t","listenIps":[{"ip":"::1","announcedIp":null}]}'
    request = parse_request(body)
    typed = request.body()
    assert request.handler_id == "r"
    assert isinstance(typed, CreateWebRtcTransportRequest)
    assert typed.listen_ips[0].ip == "::1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"1",
        b":worker.dump",
        b"0:worker.dump:undefined:undefined",
        b"-1:worker.dump:undefined:undefined",
        b"4294967296:worker.dump:undefined:undefined",
        "١:worker.dump:undefined:undefined".encode(),
        b"\xff\xfe:worker.dump",
        b"{",
        b"{}",
        b'{"method":"worker.dump"}',
        b'{"id":"1","method":"worker.dump"}',
        b'{"id":true,"method":"worker.dump"}',
        b'{"id":0,"method":"worker.dump"}',
        b'{"id":-1,"method":"worker.dump"}',
        b"1" * 5000 + b":worker.dump",
        b'{"id":4294967296,"method":"worker.dump"}',
        b'{"id":1.5,"method":"worker.dump"}',
        b'{"id":NaN,"method":"worker.dump"}',
    ],
)
def test_request_without_a_readable_id_is_a_parse_error(body):
    with pytest.raises(ParseError):
        parse_request(body)


@pytest.mark.parametrize(
    ("body", "error", "reason"),
    [
        (b"9:worker.fly:undefined:undefined", "Error", "unknown method [method:worker.fly]"),
        (b'{"id":9,"method":"worker.fly"}', "Error", "unknown method [method:worker.fly]"),
        (b'{"id":9}', "Error", "unknown method [method:]"),
        (b"9:worker.createRouter:undefined:{", "TypeError", None),
        (b"9:worker.dump:undefined:undefined:more", "TypeError", None),
        (b'{"id":9,"method":"router.dump","internal":{"routerId":5}}', "Error", None),
    ],
)
def test_unacceptable_request_carries_its_error_reply(body, error, reason):
    with pytest.raises(RequestError) as caught:
        parse_request(body)
    reply = orjson.loads(caught.value.frame)
    assert (reply["id"], reply["error"]) == (9, error)
    if reason is not None:
        assert reply["reason"] == reason


NO_DATA = [
    "null",
    " null ",
    "[]",
    "[{}]",
    "7",
    "-1.5",
    '"text"',
    '""',
    "true",
    "false",
    "{}",
    "undefined",
    " undefined",
    "",
    " ",
]


@pytest.mark.parametrize("handler_id", ["worker", "", "undefined", "null", "anybody"])
@pytest.mark.parametrize("data", NO_DATA)
def test_data_that_is_no_object_is_none_in_the_new_dialect(data, handler_id):
    request = parse_request(f"9:worker.updateSettings:{handler_id}:{data}".encode())
    assert (request.id, request.command) == (9, commands.WORKER_UPDATE_SETTINGS)
    assert request.body() == UpdateSettingsRequest()


@pytest.mark.parametrize(
    "body", [b"9:worker.updateSettings", b"9:worker.updateSettings:", b"9:worker.updateSettings::"]
)
def test_fields_of_the_new_dialect_may_be_left_out_from_the_end(body):
    assert parse_request(body).body() == UpdateSettingsRequest()


NO_OBJECTS = ["null", "[]", "[1]", "7", '"text"', "true", '""', "0", "false", "{}"]


@pytest.mark.parametrize("internal", NO_OBJECTS)
@pytest.mark.parametrize("data", NO_OBJECTS)
def test_data_and_internal_that_are_no_objects_are_none_in_the_old_dialect(internal, data):
    request = parse_request(f'{{"id":9,"method":"worker.updateSettings","internal":{internal},"data":{data}}}'.encode())
    assert request.body() == UpdateSettingsRequest()


@pytest.mark.parametrize("body", [b"9:worker.createRouter:undefined:null", b'{"id":9,"method":"worker.createRouter"}'])
def test_data_that_is_none_lacks_the_ids(body):
    with pytest.raises(CommandError, match="missing routerId"):
        parse_request(body).body()


@pytest.mark.parametrize("head", [b"9:worker.createRouter::", b'{"id":9,"method":"worker.createRouter","data":'])
def test_a_text_that_is_no_utf_8_is_wrong_where_it_is_wanted(head):
    end = b"}" if head.startswith(b"{") else b""
    with pytest.raises(BodyError, match="UTF-8"):
        parse_request(head + b'{"routerId":"\xff"}' + end).body()
    for unknown in (b'"x":"\xff"', b'"\xff":1'):
        body = parse_request(head + b'{"routerId":"r",%b}' % unknown + end).body()
        assert body == CreateRouterRequest(router_id="r")


@pytest.mark.parametrize("head", [b"9:worker.updateSettings::", b'{"id":9,"method":"worker.updateSettings","data":'])
@pytest.mark.parametrize("depth", [500, 2000, 200_000])
def test_what_is_nested_deeply_is_read_or_refused(head, depth):
    data = b'{"logTags":[],"x":%b%b}' % (b"[" * depth, b"]" * depth)
    try:
        request = parse_request(head + data + (b"}" if head.startswith(b"{") else b""))
    except (ParseError, RequestError):
        assert depth > 500
    else:
        assert request.body() == UpdateSettingsRequest(log_tags=[])


@pytest.mark.parametrize("router_id", ["null", "5", '""', "[]", '{"a":1}'])
def test_an_id_that_is_no_text_or_empty_is_missing(router_id):
    with pytest.raises(CommandError, match="missing routerId"):
        parse_request(f'9:worker.createRouter::{{"routerId":{router_id}}}'.encode()).body()


@pytest.mark.parametrize("body", [b"4294967295:worker.dump", b'{"id":4294967295,"method":"worker.dump"}'])
def test_the_last_request_id_is_one(body):
    assert parse_request(body).id == 4294967295


@pytest.mark.parametrize("ppid", [0, 4294967295])
def test_the_first_and_the_last_ppid_are_some(ppid):
    for body in (
        f"r:8:dataConsumer.send:d:{ppid}",
        f'{{"id":8,"method":"dataConsumer.send","data":{{"ppid":{ppid}}}}}',
    ):
        assert parse_payload_header(body.encode()).body() == DataMessage(ppid=ppid)


@pytest.mark.parametrize("router_id", ["null", "5", "[]"])
def test_a_parents_id_that_is_no_text_is_refused(router_id):
    body = f'{{"id":9,"method":"transport.dump","internal":{{"routerId":{router_id},"transportId":"t"}}}}'
    with pytest.raises(RequestError) as caught:
        parse_request(body.encode())
    assert orjson.loads(caught.value.frame)["error"] == "Error"


@pytest.mark.parametrize("handler_id", ["", "undefined"])
def test_old_name_of_a_close_in_the_new_dialect_may_name_the_object_in_the_data(handler_id):
    request = parse_request(f'7:transport.close:{handler_id}:{{"transportId":"t"}}'.encode())
    assert (request.handler_id, request.object_id) == (None, "t")
    with pytest.raises(CommandError, match="missing transportId"):
        parse_request(f"7:transport.close:{handler_id}:null".encode()).body()


def test_ids_in_internal_go_before_those_in_the_data():
    body = b'{"id":9,"method":"worker.createRouter","internal":{"routerId":"r"},"data":{"routerId":null}}'
    assert parse_request(body).body() == CreateRouterRequest(router_id="r")
    body = b'{"id":9,"method":"worker.createRouter","internal":{"routerId":"r"},"data":{"routerId":"s"}}'
    assert parse_request(body).body() == CreateRouterRequest(router_id="r")
    body = b'{"id":9,"method":"worker.createRouter","internal":{"routerId":null},"data":{"routerId":"s"}}'
    assert parse_request(body).body() == CreateRouterRequest(router_id="s")


@pytest.mark.parametrize("handler_id", ["5", "null", '["r"]', '""'])
def test_what_is_for_the_worker_does_not_look_at_other_ids(handler_id):
    body = f'{{"id":9,"method":"worker.dump","internal":{{"workerId":{handler_id},"routerId":{handler_id}}}}}'
    request = parse_request(body.encode())
    assert request.command is commands.WORKER_DUMP
    assert request.handler_id is None or request.handler_id == ""


@pytest.mark.parametrize("space", [b" ", b"\n", b"\r\n\t"])
def test_white_space_around_a_request_is_passed_over(space):
    for body in (CREATE_ROUTER_3_10, CREATE_ROUTER_3_12):
        assert parse_request(space + body + space).body() == CreateRouterRequest(router_id="af27")


def test_handlers_name_that_is_no_utf_8_does_not_hide_the_id():
    request = parse_request(b"9:router.dump:\xff:undefined")
    assert (request.id, request.command) == (9, commands.ROUTER_DUMP)


def test_wrong_value_is_a_body_error_with_the_path():
    request = parse_request(b'4:transport.setMaxIncomingBitrate:t:{"bitrate":"much"}')
    with pytest.raises(BodyError, match=r"\$\.bitrate"):
        request.body()


def test_missing_id_is_a_command_error():
    with pytest.raises(CommandError, match="missing routerId"):
        parse_request(b"4:worker.createRouter:undefined:{}").body()


def test_unknown_keys_are_tolerated():
    request = parse_request(b'4:transport.setMaxIncomingBitrate:t:{"bitrate":1,"extra":{}}')
    assert request.body() == SetBitrateRequest(bitrate=1)


@pytest.mark.parametrize(
    ("body", "request_id", "command", "handler_id", "typed"),
    [
        (b"n:dataProducer.send:d:51", 0, commands.DATA_PRODUCER_SEND, "d", DataMessage(ppid=51)),
        (b"n:producer.send:p:undefined", 0, commands.PRODUCER_SEND, "p", None),
        (b"r:8:dataConsumer.send:d:53", 8, commands.DATA_CONSUMER_SEND, "d", DataMessage(ppid=53)),
        (
            b'{"event":"dataProducer.send","internal":{"dataProducerId":"d"},"data":{"ppid":51}}',
            0,
            commands.DATA_PRODUCER_SEND,
            "d",
            DataMessage(ppid=51),
        ),
        (
            b'{"id":8,"method":"dataConsumer.send","internal":{"dataConsumerId":"d"},"data":{"ppid":53}}',
            8,
            commands.DATA_CONSUMER_SEND,
            "d",
            DataMessage(ppid=53),
        ),
        (b'{"event":"transport.sendRtcp","internal":{"transportId":"t"}}', 0, commands.TRANSPORT_SEND_RTCP, "t", None),
        (b"n:producer.send:p:", 0, commands.PRODUCER_SEND, "p", None),
        (b"n:producer.send:p:whatever", 0, commands.PRODUCER_SEND, "p", None),
        (b"n:transport.sendRtcp:t:null", 0, commands.TRANSPORT_SEND_RTCP, "t", None),
        (b"n:transport.sendRtcp:t", 0, commands.TRANSPORT_SEND_RTCP, "t", None),
        (b"n:dataProducer.send:d: 51", 0, commands.DATA_PRODUCER_SEND, "d", DataMessage(ppid=51)),
        (b"n:dataProducer.send:d:51:more", 0, commands.DATA_PRODUCER_SEND, "d", DataMessage(ppid=51)),
        (
            b'{"event":"producer.send","internal":{"producerId":"p"},"data":{"ppid":""}}',
            0,
            commands.PRODUCER_SEND,
            "p",
            None,
        ),
        (b'{"event":"producer.send","internal":{"producerId":"p"},"data":null}', 0, commands.PRODUCER_SEND, "p", None),
        (
            b' {"event":"dataProducer.send","internal":{"dataProducerId":"d"},"data":{"ppid":"51"}}',
            0,
            commands.DATA_PRODUCER_SEND,
            "d",
            DataMessage(ppid=51),
        ),
        (
            b'{"id":8,"method":"dataConsumer.send","event":null,"internal":{"dataConsumerId":"d"},"data":{"ppid":53}}',
            8,
            commands.DATA_CONSUMER_SEND,
            "d",
            DataMessage(ppid=53),
        ),
    ],
)
def test_payload_headers_of_both_dialects(body, request_id, command, handler_id, typed):
    request = parse_payload_header(body)
    assert (request.id, request.command, request.handler_id, request.body()) == (request_id, command, handler_id, typed)


@pytest.mark.parametrize(
    "ppid", ["", "undefined", "null", "x", "-1", "4294967296", "1" * 5000, "\u0661", "1.5", "[51]"]
)
def test_ppid_that_is_none_is_refused(ppid):
    bodies = [f"r:8:dataConsumer.send:d:{ppid}", f'{{"id":8,"method":"dataConsumer.send","data":{{"ppid":"{ppid}"}}}}']
    if ppid in ("null", "-1", "4294967296", "1.5", "[51]"):
        bodies.append(f'{{"id":8,"method":"dataConsumer.send","data":{{"ppid":{ppid}}}}}')
    for body in bodies:
        with pytest.raises(RequestError, match="ppid") as caught:
            parse_payload_header(body.encode())
        assert orjson.loads(caught.value.frame)["error"] == "TypeError"
    with pytest.raises(ParseError, match="ppid"):
        parse_payload_header(f"n:dataProducer.send:d:{ppid}".encode())


@pytest.mark.parametrize(
    "body", [b"", b"x:", b"n:", b"n:dataProducer.fly:d:1", b'{"event":"fly"}', b"r:x:dataConsumer.send:d:1"]
)
def test_unreadable_payload_header_is_a_parse_error(body):
    with pytest.raises(ParseError):
        parse_payload_header(body)


def test_replies_events_and_log_lines():
    request = parse_request(CREATE_ROUTER_3_12)
    assert encode_response(request, None) == b'{"id":1,"accepted":true}'
    assert orjson.loads(encode_response(request, [ProducerScore(encoding_idx=0, ssrc=5, score=10)])) == {
        "id": 1,
        "accepted": True,
        "data": [{"encodingIdx": 0, "ssrc": 5, "score": 10}],
    }
    score = orjson.loads(encode_event("p", "score", [ProducerScore(encoding_idx=0, ssrc=5, score=10)]))
    assert score == {"targetId": "p", "event": "score", "data": [{"encodingIdx": 0, "ssrc": 5, "score": 10}]}
    assert orjson.loads(encode_event(77, "running")) == {"targetId": 77, "event": "running"}
    assert encode_log(LogLevel.WARN, "words") == b"Wwords"


@pytest.mark.parametrize(
    ("error", "kind"), [(BodyError("x"), "TypeError"), (CommandError("x"), "Error"), (InvalidStateError("x"), "Error")]
)
def test_kind_of_the_error_reply(error, kind):
    reply = orjson.loads(encode_error(3, error, "worker.dump"))
    assert reply == {"id": 3, "error": kind, "reason": "x [method:worker.dump]"}


@pytest.mark.parametrize(("body", "stands"), [(b'{"id":1,"method":"worker.dump"}', False), (b"1:worker.dump", True)])
def test_message_handlers_stand_in_the_new_dialect_only(body, stands):
    handlers = ChannelMessageHandlers(
        channel_request_handlers=[],
        payload_channel_request_handlers=[],
        payload_channel_notification_handlers=[],
    )
    dump = WorkerDump(pid=1, web_rtc_server_ids=[], router_ids=[], channel_message_handlers=handlers)
    reply = orjson.loads(encode_response(parse_request(body), dump))
    assert ("channelMessageHandlers" in reply["data"]) is stands
