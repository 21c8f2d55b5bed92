"""What a client may ask, in which order, and what it is answered."""

from __future__ import annotations

import pytest

from miso.live.media.amf import Value
from miso.live.media.amf0 import write_amf0
from miso.live.media.codec import Codec
from miso.live.rtmp.address import Address
from miso.live.rtmp.capabilities import CapsEx
from miso.live.rtmp.messages import (
    BandwidthLimit,
    Message,
    MessageType,
    UserControlType,
    make_number,
    make_peer_bandwidth,
    make_user_control,
    number,
    user_control,
)
from miso.live.rtmp.session.events import Ended, Ending, Event, Left, PauseAsked, PlayAsked, PublishAsked, Wants
from miso.live.rtmp.session.link import CHUNK_SIZE
from miso.live.rtmp.session.server_session import Phase, SessionLimits
from miso.live.rtmp.status import Code
from tests.live.rtmp.session.client import GOODBYE, HELLO, Client

FRAME = Message(MessageType.VIDEO, 40, b"\x27\1\0\0\0frame", 1)


def only_end(events: list[Event]) -> Ended:
    (event,) = events
    assert isinstance(event, Ended)
    return event


def test_connect_is_answered_with_windows_chunk_size_and_success() -> None:
    client = Client()
    assert client.connect() == []
    types = [message.type_id for message in client.heard]
    assert types == [MessageType.WINDOW_ACK_SIZE, MessageType.SET_PEER_BANDWIDTH, MessageType.COMMAND]
    (answer,) = client.commands()
    assert (answer.name, answer.transaction) == ("_result", 1)
    assert answer.members(1)["code"] == "NetConnection.Connect.Success"
    assert answer.members(1)["objectEncoding"] == 0
    assert "capsEx" not in answer.members(1)


def test_the_handshake_may_come_byte_by_byte_and_everything_else_with_its_end() -> None:
    client = Client()
    for byte in HELLO:
        assert client.send_bytes(bytes((byte,))) == []
    connect = Client()
    connect.connect()
    rest = GOODBYE + client.writer.write(Message(MessageType.COMMAND, 0, write_amf0("connect", 1.0, {"app": "live"})))
    assert client.send_bytes(rest) == []
    assert client.codes() == [Code.CONNECT_SUCCESS.value]


@pytest.mark.parametrize("version", [0, 2, 6, 8, 255])
def test_another_version_ends_the_session(version: int) -> None:
    assert only_end(Client().send_bytes(bytes((version,)))).why is Ending.PROTOCOL


def test_publishing_begins_when_it_is_accepted_and_not_before() -> None:
    client = Client()
    assert client.ask("publish") == [PublishAsked(Address("live/name", {}))]
    assert client.send(FRAME, FRAME) == []
    assert client.codes() == []
    assert client.session.accept(client.now_s) == [FRAME, FRAME]
    client.hear()
    assert [user_control(m).type_id for m in client.heard if m.type_id == MessageType.USER_CONTROL] == [0]
    started = client.heard[-1]
    assert started.stream_id == 1
    assert client.codes() == [Code.PUBLISH_START.value]
    assert client.send(FRAME) == [FRAME]


def test_playing_begins_when_it_is_accepted_and_not_before() -> None:
    client = Client()
    (asked,) = client.ask("play")
    assert isinstance(asked, PlayAsked)
    assert asked.address == Address("live/name", {})
    assert client.send(make_user_control(UserControlType.SET_BUFFER_LENGTH, 1, 3000)) == []
    assert client.heard == []
    assert client.session.accept(client.now_s) == []
    client.hear()
    assert all(message.stream_id == 1 for message in client.heard[1:])
    assert client.heard[-1].body == write_amf0("|RtmpSampleAccess", True, True)
    assert client.codes() == [Code.PLAY_RESET.value, Code.PLAY_START.value]


@pytest.mark.parametrize("code", [Code.PUBLISH_BAD_NAME, Code.PUBLISH_DENIED, Code.PUBLISH_UNAUTHORIZED])
def test_who_is_refused_is_told_why_and_has_a_moment_to_read_it(code: Code) -> None:
    client = Client()
    client.ask("publish")
    client.send(FRAME)
    client.session.refuse(code, "because", client.now_s)
    client.hear()
    (told,) = client.commands()
    assert told.members(1) == {"level": "error", "code": code.value, "description": "because"}
    assert client.send(FRAME) == []
    assert client.wait(1.9) == []
    assert client.wait(0.2) == [Ended(Ending.DONE)]


def test_commands_that_wait_are_handled_in_their_order() -> None:
    client = Client()
    client.ask("publish")
    client.send(FRAME)
    client.say("FCUnpublish", 4, None, "name")
    client.send(FRAME)
    client.say("publish", 5, None, "other", stream_id=1)
    events = client.session.accept(client.now_s)
    assert events == [FRAME, Left(), PublishAsked(Address("live/other", {}))]
    assert client.session.phase is Phase.DECIDING


def test_what_waits_is_bounded_and_its_owner_told_to_stop_reading_before() -> None:
    client = Client(SessionLimits(waiting_bytes=10_000))
    client.ask("publish")
    big = Message(MessageType.VIDEO, 0, bytes(3000), 1)
    client.send(big)
    assert not client.session.is_full
    client.send(big)
    assert client.session.is_full
    client.send(big)
    assert only_end(client.send(big)).why is Ending.PROTOCOL
    assert not client.session.is_full


def test_messages_that_wait_are_counted_as_well_as_their_bytes() -> None:
    client = Client(SessionLimits(waiting_messages=3))
    client.ask("publish")
    empty = Message(MessageType.AUDIO, 0, b"", 1)
    assert client.send(empty, empty, empty) == []
    assert "4 messages" in only_end(client.send(empty)).detail


@pytest.mark.parametrize(
    ("app", "tc_url", "name", "path", "query"),
    [
        ("live", "rtmp://host/live", "name", "live/name", {}),
        ("live", None, "name", "live/name", {}),
        (None, "rtmp://host/live", "name", "live/name", {}),
        (None, '"rtmp://host/live"', "name", "live/name", {}),
        ("live/", "rtmp://host/live/", "/name", "live/name", {}),
        ("live/inst", "rtmp://host/live/inst", "a.b", "live/inst/a.b", {}),
        ("live?token=1", "rtmp://host/live?token=1", "name", "live/name", {"token": "1"}),
        ("live", "rtmp://host/live?token=1", "name?sign=2", "live/name", {"token": "1", "sign": "2"}),
        ("live?a=1", None, "name?a=2", "live/name", {"a": "2"}),
        ("live", None, "mp4:name", "live/name", {}),
        ("live", None, "caf%C3%A9", "live/café", {}),
        ("live/key", None, "", "live/key", {}),
        ("live", "rtmp://[::1/x", "name", "live/name", {}),
        ("live", 7.0, "name", "live/name", {}),
    ],
)
def test_the_address_is_put_together(
    app: str | None, tc_url: Value, name: str, path: str, query: dict[str, str]
) -> None:
    client = Client()
    client.shake()
    members: dict[str, Value] = {} if app is None else {"app": app}
    if tc_url is not None:
        members["tcUrl"] = tc_url
    client.say("connect", 1, members)
    client.say("createStream", 2, None)
    (asked,) = client.say("publish", 3, None, name, "live", stream_id=1)
    assert isinstance(asked, PublishAsked)
    assert (asked.address.path, asked.address.query) == (path, query)


def test_user_and_password_of_the_url_are_read() -> None:
    client = Client()
    client.shake()
    client.say("connect", 1, {"app": "live", "tcUrl": "rtmp://me:s%40crt@host/live"})
    (asked,) = client.say("publish", 3, None, "name?user=other", stream_id=1)
    assert isinstance(asked, PublishAsked)
    assert (asked.address.user, asked.address.password) == ("me", "s@crt")


@pytest.mark.parametrize("values", [(), (None,), (None, None), (None, ""), (None, 5.0), (None, "?a=b")])
def test_publish_without_a_name_is_a_bad_name(values: tuple[Value, ...]) -> None:
    client = Client()
    client.connect()
    client.say("createStream", 2, None)
    client.heard.clear()
    assert client.say("publish", 3, *values, stream_id=1) == []
    assert client.codes() == [Code.PUBLISH_BAD_NAME.value]


def test_an_address_that_is_too_long_is_refused() -> None:
    client = Client()
    client.shake()
    assert client.say("connect", 1, {"app": "x" * 5000}) == []
    assert client.codes() == [Code.CONNECT_REJECTED.value]
    client = Client()
    client.connect()
    client.heard.clear()
    client.say("play", 3, None, "x" * 5000, stream_id=1)
    client.hear()
    assert client.codes() == [Code.PLAY_STREAM_NOT_FOUND.value]


def test_a_query_of_a_thousand_parameters_is_refused() -> None:
    client = Client()
    client.connect()
    client.heard.clear()
    client.say("publish", 3, None, "name?" + "a=1&" * 1000, stream_id=1)
    assert client.codes() == [Code.PUBLISH_BAD_NAME.value]


def test_enhanced_rtmp_is_answered_with_what_is_understood() -> None:
    client = Client()
    client.connect(fourCcList=["hvc1", "xxxx"], capsEx=255.0)
    (answer,) = client.commands()
    told = answer.members(1)
    assert told["capsEx"] == 15
    assert told["videoFourCcInfoMap"] == dict.fromkeys(("avc1", "hvc1", "av01", "vp08", "vp09"), 4)
    assert told["audioFourCcInfoMap"] == dict.fromkeys(("mp4a", "Opus", ".mp3", "fLaC", "ac-3", "ec-3"), 4)
    assert client.session.can_reconnect


@pytest.mark.parametrize(
    ("members", "takes", "takes_not"),
    [
        ({}, set(Codec), set()),
        ({"capsEx": 1.0}, set(Codec), set()),
        ({"fourCcList": ["hvc1"]}, {Codec.HEVC, Codec.H264, Codec.AAC, Codec.MP3}, {Codec.AV1, Codec.OPUS}),
        ({"fourCcList": ["*"]}, set(Codec), set()),
        ({"fourCcList": [5.0, None]}, set(Codec), set()),
        ({"videoFourCcInfoMap": {"av01": 1.0, "hvc1": 2.0}}, {Codec.AV1, Codec.H264}, {Codec.HEVC, Codec.VP9}),
        ({"videoFourCcInfoMap": {"*": 4.0}}, set(Codec), set()),
        ({"videoFourCcInfoMap": {"vp09": 1.0}, "audioFourCcInfoMap": {"Opus": 4.0}}, {Codec.VP9, Codec.OPUS}, set()),
    ],
)
def test_players_say_which_codecs_they_take(
    members: dict[str, Value], takes: set[Codec], takes_not: set[Codec]
) -> None:
    client = Client()
    client.connect(**members)
    (asked,) = client.say("play", 3, None, "name", -2000, stream_id=1)
    assert isinstance(asked, PlayAsked)
    assert all(map(asked.capabilities.takes, takes))
    assert not any(map(asked.capabilities.takes, takes_not))
    assert asked.capabilities.caps == CapsEx(int("capsEx" in members))


def test_what_only_flash_needed_is_answered() -> None:
    client = Client()
    client.connect()
    client.heard.clear()
    client.say("releaseStream", 2, None, "name")
    client.say("FCPublish", 3, None, "name")
    client.say("_checkbw", 4, None)
    client.say("getStreamLength", 5, None, "name")
    client.say("createStream", 6, None)
    client.say("FCSubscribe", 0, None, "name")
    answers = client.commands()
    assert [(answer.name, answer.transaction) for answer in answers] == [
        ("_result", 2),
        ("_result", 3),
        ("_result", 4),
        ("_result", 5),
        ("_result", 6),
        ("onFCSubscribe", 0),
    ]
    assert answers[4].value(1) == 1


def test_unknown_commands_fail_and_are_not_answered_where_no_answer_is_wanted() -> None:
    client = Client()
    client.connect()
    client.heard.clear()
    client.say("fly", 7, None)
    client.say("fly", 0, None)
    client.say("_result", 9, None)
    (answer,) = client.commands()
    assert (answer.name, answer.transaction) == ("_error", 7)
    assert answer.members(1)["code"] == Code.CALL_FAILED.value


def test_commands_in_amf3_are_read() -> None:
    client = Client()
    client.shake()
    body = b"\0" + write_amf0("connect", 1, {"app": "live"})
    client.send(Message(MessageType.COMMAND_AMF3, 0, body))
    assert client.codes() == [Code.CONNECT_SUCCESS.value]


@pytest.mark.parametrize(
    "body",
    [b"", b"\0", b"\2", b"\2\0\7con", write_amf0(5.0, 1.0), write_amf0("x", 1.0) * 40, b"\x11\x0a\xff"],
    ids=["empty", "one byte", "marker", "cut off", "no name", "too many", "AMF3"],
)
def test_broken_commands_end_the_session(body: bytes) -> None:
    client = Client()
    client.connect()
    assert only_end(client.send(Message(MessageType.COMMAND, 0, body))).why is Ending.PROTOCOL


@pytest.mark.parametrize("name", ["createStream", "publish", "play", "", "_result"])
def test_nothing_comes_before_connect(name: str) -> None:
    client = Client()
    client.shake()
    assert only_end(client.say(name, 1, None, "name")).why is Ending.PROTOCOL


def test_connecting_twice_fails_and_changes_nothing() -> None:
    client = Client()
    client.connect("live")
    client.heard.clear()
    client.say("connect", 9, {"app": "other"})
    assert client.codes() == [Code.CALL_FAILED.value]
    assert client.say("publish", 3, None, "name", stream_id=1) == [PublishAsked(Address("live/name", {}))]


@pytest.mark.parametrize("first", ["publish", "play"])
@pytest.mark.parametrize("second", ["publish", "play"])
def test_a_connection_has_one_stream(first: str, second: str) -> None:
    client = Client()
    client.begin(first)
    assert client.say(second, 4, None, "other", stream_id=1) == []
    assert client.say("createStream", 5, None) == []
    failed = Code.PUBLISH_FAILED if second == "publish" else Code.PLAY_FAILED
    assert client.codes() == [failed.value, Code.CALL_FAILED.value]
    assert client.send(FRAME) == ([FRAME] if first == "publish" else [])


def test_play_on_a_stream_that_was_not_created_fails() -> None:
    client = Client()
    client.connect()
    client.heard.clear()
    assert client.say("play", 3, None, "name", stream_id=7) == []
    assert client.heard[0].stream_id == 7
    assert client.codes() == [Code.PLAY_FAILED.value]


@pytest.mark.parametrize("goodbye", [("deleteStream", 1.0), ("closeStream",), ("FCUnpublish", "name")])
def test_a_publisher_that_ends_its_stream_may_begin_another(goodbye: tuple[str, Value]) -> None:
    client = Client()
    client.begin("publish")
    assert client.say(goodbye[0], 4, None, *goodbye[1:], stream_id=0) == [Left()]
    assert Code.UNPUBLISH_SUCCESS.value in client.codes()
    assert client.send(FRAME) == []
    assert client.say("deleteStream", 5, None, 1.0) == []
    client.say("createStream", 6, None)
    assert client.commands()[0].value(1) == 1
    assert client.say("publish", 7, None, "again", stream_id=1) == [PublishAsked(Address("live/again", {}))]


def test_deleting_another_stream_ends_nothing() -> None:
    client = Client()
    client.begin("publish")
    assert client.say("deleteStream", 4, None, 5.0) == []
    assert client.send(FRAME) == [FRAME]


def test_a_player_pauses_seeks_and_chooses() -> None:
    client = Client()
    client.begin("play")
    assert client.say("pause", 0, None, True, 1000.0, stream_id=1) == [PauseAsked(True)]
    assert client.say("pause", 0, None, False, 1000.0, stream_id=1) == [PauseAsked(False)]
    assert client.say("seek", 0, None, 5000.0, stream_id=1) == []
    assert client.codes() == [Code.PAUSE_NOTIFY.value, Code.UNPAUSE_NOTIFY.value, Code.SEEK_NOTIFY.value]
    assert client.say("receiveAudio", 0, None, False, stream_id=1) == [Wants(audio=False, video=True)]
    assert client.say("receiveVideo", 0, None, False, stream_id=1) == [Wants(audio=False, video=False)]
    assert client.codes() == []
    assert client.say("receiveVideo", 0, None, True, stream_id=1) == [Wants(audio=False, video=True)]
    assert client.codes() == [Code.SEEK_NOTIFY.value, Code.PLAY_START.value]
    assert client.say("receiveVideo", 0, None, True, stream_id=1) == []


@pytest.mark.parametrize("name", ["pause", "seek", "receiveAudio", "receiveVideo"])
def test_only_players_are_told_of_playing(name: str) -> None:
    client = Client()
    client.begin("publish")
    assert client.say(name, 8, None, True, stream_id=1) == []
    assert client.codes() == [Code.CALL_FAILED.value]


def test_the_end_of_a_stream_is_told_to_its_player() -> None:
    client = Client()
    client.begin("play")
    client.session.end_stream("the publisher went", client.now_s)
    client.hear()
    assert user_control(client.heard[0]).type_id == UserControlType.STREAM_EOF
    assert client.codes() == [Code.UNPUBLISH_NOTIFY.value, Code.PLAY_STOP.value]
    assert client.wait(3) == [Ended(Ending.DONE)]


def test_who_understands_it_is_asked_to_reconnect() -> None:
    client = Client()
    client.connect(capsEx=1.0)
    client.heard.clear()
    client.session.ask_to_reconnect("restarting")
    client.hear()
    assert client.heard[0].stream_id == 0
    assert client.codes() == [Code.RECONNECT_REQUEST.value]


@pytest.mark.parametrize("steps", [0, 1, 2], ids=["nothing", "half a handshake", "connected"])
def test_who_does_not_begin_within_ten_seconds_is_given_up(steps: int) -> None:
    client = Client()
    if steps == 1:
        client.send_bytes(HELLO[:700])
    elif steps == 2:
        client.connect()
    assert client.wait(9.9) == []
    if steps == 1:
        client.send_bytes(HELLO[700:])  # a slow handshake gets no more time
    assert only_end(client.wait(0.2)).why is Ending.TIMEOUT
    assert client.session.next_timer_s is None


def test_the_time_for_a_decision_is_not_the_clients() -> None:
    client = Client()
    client.ask("publish")
    assert client.session.next_timer_s is None
    assert client.wait(60) == []
    client.session.accept(client.now_s)
    assert client.send(FRAME) == [FRAME]


def test_who_ended_a_stream_has_ten_seconds_for_another() -> None:
    client = Client()
    client.begin("publish")
    client.wait(4)
    client.say("closeStream", 0, None, stream_id=1)
    assert client.wait(9.9) == []
    assert only_end(client.wait(0.2)).why is Ending.TIMEOUT


def test_a_silent_publisher_is_pinged_after_five_seconds_and_dead_after_ten() -> None:
    client = Client()
    client.begin("publish")
    assert client.wait(4.9) == []
    assert client.heard == []
    client.wait(0.2)
    assert user_control(client.heard[0]).type_id == UserControlType.PING_REQUEST
    client.send(make_user_control(UserControlType.PING_RESPONSE, *user_control(client.heard[0]).values))
    assert client.wait(9.9) == []
    assert only_end(client.wait(0.2)).why is Ending.TIMEOUT


ROLES = pytest.mark.parametrize(("role", "silent_s", "gone_s"), [("publish", 5.0, 10.0), ("play", 30.0, 60.0)])


def answer_ping(client: Client) -> list[Event]:
    (ping,) = client.heard
    assert user_control(ping).type_id == UserControlType.PING_REQUEST
    client.heard.clear()
    return client.send(make_user_control(UserControlType.PING_RESPONSE, *user_control(ping).values))


@ROLES
def test_when_we_stood_still_the_client_is_asked_and_has_its_time_to_answer(
    role: str, silent_s: float, gone_s: float
) -> None:
    client = Client()
    client.begin(role)
    assert client.stand_still(6 * gone_s) == []
    assert client.wait(gone_s - silent_s - 0.1) == []
    assert answer_ping(client) == []
    assert client.wait(gone_s - 0.1) == []
    client.heard.clear()
    assert only_end(client.wait(0.2)).why is Ending.TIMEOUT


@ROLES
@pytest.mark.parametrize("asked_before", [False, True])
def test_when_we_stood_still_who_does_not_answer_is_given_up(
    role: str, silent_s: float, gone_s: float, asked_before: bool
) -> None:
    client = Client()
    client.begin(role)
    if asked_before:
        assert client.wait(silent_s) == []
    assert client.stand_still(6 * gone_s) == []
    assert client.wait(gone_s - silent_s - 0.1) == []
    assert only_end(client.wait(0.2)).why is Ending.TIMEOUT


@ROLES
def test_who_was_asked_just_before_we_stood_still_is_asked_anew(role: str, silent_s: float, gone_s: float) -> None:
    client = Client()
    client.begin(role)
    assert client.wait(silent_s) == []
    client.heard.clear()
    assert client.stand_still(6 * gone_s) == []
    assert answer_ping(client) == []
    assert client.wait(gone_s - 0.1) == []


def test_others_who_want_its_stream_give_a_silent_publisher_no_more_time() -> None:
    client = Client()
    client.begin("publish")
    for _ in range(9):
        assert client.wait(1) == []
        client.session.ask_whether_there(client.now_s)
    assert client.wait(0.9) == []
    assert only_end(client.wait(0.2)).why is Ending.TIMEOUT


def test_when_we_stood_still_who_has_not_begun_is_heard_first() -> None:
    client = Client()
    client.connect()
    assert client.stand_still(60) == []
    client.say("createStream", 2, None)
    assert client.say("publish", 3, None, "name", stream_id=1) == [PublishAsked(Address("live/name", {}))]
    silent = Client()
    silent.connect()
    assert silent.stand_still(60) == []
    assert only_end(silent.wait(1.1)).why is Ending.TIMEOUT


def test_a_player_that_answers_pings_stays() -> None:
    client = Client()
    client.begin("play")
    for _ in range(5):
        client.heard.clear()
        assert client.wait(31) == []
        (ping,) = client.heard
        client.send(make_user_control(UserControlType.PING_RESPONSE, *user_control(ping).values))
    assert only_end(client.wait(61)).why is Ending.TIMEOUT


def test_pings_are_answered() -> None:
    client = Client()
    client.connect()
    client.heard.clear()
    client.send(make_user_control(UserControlType.PING_REQUEST, 1234))
    (answer,) = client.heard
    assert user_control(answer) == user_control(make_user_control(UserControlType.PING_RESPONSE, 1234))


def test_what_came_is_acknowledged_each_window() -> None:
    client = Client()
    client.connect()
    client.heard.clear()
    client.send(make_number(MessageType.WINDOW_ACK_SIZE, 5000))
    for _ in range(20):
        client.send(Message(MessageType.VIDEO, 0, bytes(120), 1))
    acknowledged = [number(message) for message in client.heard]
    assert all(message.type_id == MessageType.ACKNOWLEDGEMENT for message in client.heard)
    assert len(acknowledged) == 1
    for _ in range(100):
        client.send(Message(MessageType.VIDEO, 0, bytes(120), 1))
    acknowledged = [number(message) for message in client.heard]
    assert acknowledged == sorted(acknowledged)
    assert len(acknowledged) == 3
    assert client.session.bytes_in - acknowledged[-1] < 5000


def test_a_new_peer_bandwidth_is_answered_with_the_window_once() -> None:
    client = Client()
    client.connect()
    client.heard.clear()
    for _ in range(2):
        client.send(make_peer_bandwidth(70_000, BandwidthLimit.DYNAMIC))
    (answer,) = client.heard
    assert (answer.type_id, number(answer)) == (MessageType.WINDOW_ACK_SIZE, 70_000)


def test_amf3_data_is_given_as_amf0() -> None:
    client = Client()
    client.begin("publish")
    script = write_amf0("onMetaData", {"width": 5.0})
    (event,) = client.send(Message(MessageType.DATA_AMF3, 7, b"\0" + script, 1))
    assert event == Message(MessageType.DATA, 7, script, 1)


def test_a_message_of_16_mb_ends_the_session_before_it_comes() -> None:
    client = Client()
    client.begin("publish")
    events = client.send_bytes(bytes((6, 0, 0, 0, 0xFF, 0xFF, 0xFF, MessageType.VIDEO, 1, 0, 0, 0)))
    assert "16777215" in only_end(events).detail


def test_our_chunks_are_of_the_size_that_was_told() -> None:
    assert CHUNK_SIZE == 65_536
    client = Client()
    client.connect()
    long = "x" * 60_000
    client.say("createStream", 2, None)
    client.heard.clear()
    client.session.refuse(Code.PUBLISH_DENIED, long, client.now_s)
    client.hear()
    assert client.commands()[0].members(1)["description"] == long
