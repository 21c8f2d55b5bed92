"""A client's connection: against our server's session, byte for byte, and against servers that answer as they like."""

from __future__ import annotations

import random

import pytest

from miso.live.media.amf import Value
from miso.live.rtmp.address import VIA
from miso.live.rtmp.chunks import ChunkReader, ChunkWriter
from miso.live.rtmp.commands import Command, make_command, read_command
from miso.live.rtmp.handshake import PACKET_BYTES, VERSION
from miso.live.rtmp.messages import Message, MessageType, UserControlType, make_number, make_user_control, user_control
from miso.live.rtmp.session.client_session import (
    ClientEvent,
    ClientLimits,
    ClientPhase,
    ClientSession,
    Paused,
    Purpose,
    Started,
)
from miso.live.rtmp.session.events import Ended, Ending, Left, PlayAsked, PublishAsked
from miso.live.rtmp.session.server_session import ServerSession, SessionLimits
from miso.live.rtmp.status import Code, Level, status
from miso.live.rtmp.url import read_url

URL = read_url("rtmp://host/live/name?key=1")
LIMITS = ClientLimits()


class Pair:
    """A client and a server session, and a wire between them that cuts where it likes."""

    def __init__(self, purpose: Purpose, seed: int = 0) -> None:
        self.client = ClientSession(URL, purpose, LIMITS, 0.0)
        self.server = ServerSession(SessionLimits(), 0.0)
        self._random = random.Random(seed)

    def exchange(self) -> tuple[list[ClientEvent], list[object]]:
        """Carries bytes until nobody has more to say."""
        at_client: list[ClientEvent] = []
        at_server: list[object] = []
        while True:
            to_server, to_client = self.client.take_output(), self.server.take_output()
            if not to_server and not to_client:
                return at_client, at_server
            for piece in self._cut(to_server):
                at_server += self.server.receive(piece, 0.0)
            for piece in self._cut(to_client):
                at_client += self.client.receive(piece, 0.0)

    def _cut(self, data: bytes) -> list[bytes]:
        pieces = []
        while data:
            size = self._random.randint(1, 2000)
            pieces.append(data[:size])
            data = data[size:]
        return pieces


@pytest.mark.parametrize("seed", range(5))
def test_publishes_to_our_server(seed: int) -> None:
    pair = Pair(Purpose.PUBLISH, seed)
    at_client, at_server = pair.exchange()
    assert at_client == []
    (asked,) = at_server
    assert isinstance(asked, PublishAsked)
    assert (asked.address.path, asked.address.query) == ("live/name", {"key": "1"})
    pair.server.accept(0.0)
    ((started,), _) = pair.exchange()
    assert isinstance(started, Started)
    assert started.capabilities.is_enhanced
    sent = [(MessageType.VIDEO, 0xFFFFFF, bytes(200_000)), (MessageType.AUDIO, 0x1000020, b"")]
    for message in sent:
        pair.client.send(*message)
    _, at_server = pair.exchange()
    assert at_server == [Message(type_id, time_ms, body, 1) for type_id, time_ms, body in sent]
    pair.client.say_goodbye()
    _, at_server = pair.exchange()
    assert at_server == [Left()]
    assert pair.client.next_timer_s is None


def test_plays_from_our_server() -> None:
    pair = Pair(Purpose.PLAY)
    _, (asked,) = pair.exchange()
    assert isinstance(asked, PlayAsked)
    pair.server.accept(0.0)
    at_client, _ = pair.exchange()
    assert isinstance(at_client[0], Started)
    pair.server.end_stream("it is over", 0.0)
    at_client, _ = pair.exchange()
    assert at_client == [Ended(Ending.DONE, "the server says NetStream.Play.UnpublishNotify")]
    assert pair.client.receive(b"more", 0.0) == []


@pytest.mark.parametrize(
    ("purpose", "code"), [(Purpose.PUBLISH, Code.PUBLISH_BAD_NAME), (Purpose.PLAY, Code.PLAY_STREAM_NOT_FOUND)]
)
def test_a_refusal_comes_with_its_reason(purpose: Purpose, code: Code) -> None:
    pair = Pair(purpose)
    pair.exchange()
    pair.server.refuse(code, "not here", 0.0)
    assert pair.exchange()[0] == [Ended(Ending.REFUSED, f"{code.value} not here")]


class Server:
    """A server whose every byte a test decides."""

    def __init__(self, purpose: Purpose = Purpose.PLAY, via: tuple[str, ...] = ()) -> None:
        self.client = ClientSession(URL, purpose, LIMITS, 0.0, via, bytes)
        self.now_s = 0.0
        self._writer = ChunkWriter()
        self._reader = ChunkReader()
        hello = self.client.take_output()
        assert hello == bytes((VERSION,)) + bytes(PACKET_BYTES)
        s1 = bytes(range(256)) * 6
        assert self.send_bytes(bytes((VERSION,)) + s1 + hello[1:]) == []
        said = self.client.take_output()
        assert said[:PACKET_BYTES] == s1
        self.heard = self._reader.feed(said[PACKET_BYTES:])

    def send_bytes(self, data: bytes) -> list[ClientEvent]:
        return self.client.receive(data, self.now_s)

    def send(self, *messages: Message) -> list[ClientEvent]:
        events = self.send_bytes(b"".join(map(self._writer.write, messages)))
        self.hear()
        return events

    def hear(self) -> None:
        self.heard += self._reader.feed(self.client.take_output())

    def say(self, name: str, transaction: float, *values: Value) -> list[ClientEvent]:
        return self.send(make_command(name, transaction, *values))

    def take_commands(self) -> list[Command]:
        heard, self.heard = self.heard, []
        return [read_command(message) for message in heard if message.type_id == MessageType.COMMAND]

    def begin(self) -> list[ClientEvent]:
        """Answers all that is asked, as servers do."""
        self.say("_result", 1, {"fmsVer": "FMS/3"}, status(Code.CONNECT_SUCCESS, ""))
        self.say("_result", 4, None, 7)
        return self.send(make_command("onStatus", 0, None, status(Code.PLAY_START, ""), stream_id=7))


def test_says_where_a_stream_has_come_from() -> None:
    (connect,) = Server(via=("a", "b")).take_commands()
    assert connect.members(0)[VIA] == "a,b"
    assert connect.members(0)["tcUrl"] == "rtmp://host/live"
    (connect,) = Server().take_commands()
    assert VIA not in connect.members(0)


def test_uses_the_message_stream_that_it_is_given() -> None:
    server = Server()
    (started,) = server.begin()
    assert isinstance(started, Started)
    assert not started.capabilities.is_enhanced
    names = {command.name: command.stream_id for command in server.take_commands()}
    assert names == {"connect": 0, "createStream": 0, "play": 7}


def test_passes_over_what_it_did_not_ask_for() -> None:
    server = Server()
    early = Message(MessageType.VIDEO, 0, b"early", 7)
    assert server.send(early, make_command("onBWDone", 0, None), make_number(MessageType.ACKNOWLEDGEMENT, 1)) == []
    assert server.say("_result", 4, None, 7) == []
    assert server.say("_result", 99) == []
    assert server.client.phase is ClientPhase.CONNECTING
    assert server.say("_error", 2, None, status(Code.CALL_FAILED, "no releaseStream here", Level.ERROR)) == []
    assert len(server.begin()) == 1
    assert server.send(Message(MessageType.DATA_AMF3, 5, b"\0data", 7)) == [Message(MessageType.DATA, 5, b"data", 7)]


def test_is_told_when_the_publisher_goes_and_may_come_back() -> None:
    server = Server()
    server.begin()
    assert server.send(make_user_control(UserControlType.STREAM_EOF, 7)) == [Paused()]
    video = Message(MessageType.VIDEO, 9, b"v", 7)
    assert server.send(make_user_control(UserControlType.STREAM_BEGIN, 7), video) == [video]


def test_answers_pings_and_acknowledges_what_comes() -> None:
    server = Server()
    server.begin()
    server.heard.clear()
    server.send(make_number(MessageType.WINDOW_ACK_SIZE, 1000), make_user_control(UserControlType.PING_REQUEST, 5))
    server.send(Message(MessageType.VIDEO, 0, bytes(100), 7))
    kinds = [message.type_id for message in server.heard]
    assert kinds == [MessageType.USER_CONTROL, MessageType.ACKNOWLEDGEMENT]
    assert user_control(server.heard[0]).values == (5,)


def test_a_server_that_says_nothing_is_given_up() -> None:
    client = ClientSession(URL, Purpose.PUBLISH, LIMITS, 100.0)
    assert client.next_timer_s == 110.0
    assert client.handle_timer(109.0) == []
    assert client.handle_timer(110.0) == [Ended(Ending.TIMEOUT, "shaking took longer than 10 s")]


def test_a_silent_server_is_asked_and_then_given_up() -> None:
    server = Server()
    server.begin()
    server.heard.clear()
    assert server.client.handle_timer(10.0) == []
    server.send()
    (ping,) = server.heard
    assert user_control(ping).type_id == UserControlType.PING_REQUEST
    server.now_s = 12.0
    server.send(make_user_control(UserControlType.PING_RESPONSE, 10_000))
    assert server.client.next_timer_s == 22.0
    server.client.handle_timer(22.0)
    assert server.client.handle_timer(32.0) == [Ended(Ending.TIMEOUT, "nothing came for 20 s")]


@pytest.mark.parametrize("asked_before", [False, True])
def test_when_we_stood_still_the_server_is_asked_and_has_its_time_to_answer(asked_before: bool) -> None:
    server = Server()
    server.begin()
    if asked_before:
        assert server.client.handle_timer(10.0) == []
        server.hear()
    server.heard.clear()
    assert server.client.handle_timer(60.0) == []
    server.hear()
    (ping,) = server.heard
    assert user_control(ping).type_id == UserControlType.PING_REQUEST
    assert server.client.next_timer_s == 70.0
    assert server.client.handle_timer(69.9) == []
    server.now_s = 69.9
    server.send(make_user_control(UserControlType.PING_RESPONSE, 60_000))
    assert server.client.next_timer_s == pytest.approx(79.9)
    assert server.client.handle_timer(80.0) == []
    assert server.client.handle_timer(90.0) == [Ended(Ending.TIMEOUT, "nothing came for 20 s")]


def test_when_we_stood_still_a_server_that_lets_us_begin_is_heard_first() -> None:
    client = ClientSession(URL, Purpose.PLAY, LIMITS, 100.0)
    assert client.handle_timer(160.0) == []
    assert client.next_timer_s == 161.0
    assert client.handle_timer(161.0) == [Ended(Ending.TIMEOUT, "shaking took longer than 10 s")]


@pytest.mark.parametrize("stream_id", [0, -1, 2.0**32, float("nan"), True, None, "1"])
def test_a_message_stream_of_no_use_is_an_error(stream_id: Value) -> None:
    server = Server()
    server.say("_result", 1, {}, {})
    (ended,) = server.say("_result", 4, None, stream_id)
    assert isinstance(ended, Ended)
    assert ended.why is Ending.PROTOCOL


def test_what_is_no_rtmp_is_an_error() -> None:
    client = ClientSession(URL, Purpose.PLAY, LIMITS, 0.0)
    (ended,) = client.receive(b"HTTP/1.1 400 Bad Request\r\n", 0.0)
    assert ended == Ended(Ending.PROTOCOL, "RTMP version of the server is 72, expected 3")
