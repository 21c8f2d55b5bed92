"""What a server sends: a client of ours takes it, or ends with a reason, and says nothing that cannot be read."""

from __future__ import annotations

from miso.live.rtmp.adobe_login import ClientLogin
from miso.live.rtmp.chunks import ChunkReader, ChunkWriter
from miso.live.rtmp.commands import make_command, read_command
from miso.live.rtmp.handshake import PACKET_BYTES, VERSION
from miso.live.rtmp.messages import Message, MessageType, UserControlType, make_number, make_user_control
from miso.live.rtmp.session.client_session import (
    Challenged,
    ClientLimits,
    ClientPhase,
    ClientSession,
    Purpose,
    Started,
)
from miso.live.rtmp.session.events import Ended
from miso.live.rtmp.status import Code, Level, status
from miso.live.rtmp.url import read_url

_HANDSHAKE = bytes((VERSION,)) + bytes(2 * PACKET_BYTES)
_URL = read_url("rtmp://host/live/name")


def _written(*messages: Message) -> bytes:
    writer = ChunkWriter()
    return b"".join(map(writer.write, messages))


def _begun(code: Code, *more: Message) -> bytes:
    return _written(
        make_number(MessageType.WINDOW_ACK_SIZE, 500),
        make_command("_result", 1, {}, {**status(Code.CONNECT_SUCCESS, ""), "capsEx": 15, "fourCcList": ["*"]}),
        make_command("_result", 4, None, 1),
        make_command("onStatus", 0, None, status(code, ""), stream_id=1),
        *more,
    )


SEEDS = [
    _begun(Code.PUBLISH_START, make_user_control(UserControlType.PING_REQUEST, 1)),
    _begun(
        Code.PLAY_START,
        Message(MessageType.VIDEO, 0, bytes(300), 1),
        Message(MessageType.DATA_AMF3, 0, b"\0\2\0\1a", 1),
        make_user_control(UserControlType.STREAM_EOF, 1),
        make_command("onStatus", 0, None, status(Code.UNPUBLISH_NOTIFY, ""), stream_id=1),
    ),
    _written(make_command("_error", 1, None, status(Code.CONNECT_REJECTED, "no", Level.ERROR))),
    _written(
        make_command(
            "_error",
            1,
            None,
            status(Code.CONNECT_REJECTED, "authmod=adobe ?reason=needauth&user=u&salt=s&opaque=o", Level.ERROR),
        )
    ),
    _written(make_command("close", 0, None)),
]


def run(data: bytes) -> None:
    for purpose in Purpose:
        client = ClientSession(_URL, purpose, ClientLimits(), 0.0, ("a",), bytes, ClientLogin("u", "p", bytes))
        client.take_output()
        answers = b""
        for piece in (_HANDSHAKE, data[: len(data) // 2], data[len(data) // 2 :]):
            for event in client.receive(piece, 0.0):
                assert not isinstance(event, Ended | Challenged) or client.phase is ClientPhase.ENDED
                if isinstance(event, Started) and client.phase is ClientPhase.RUNNING:
                    client.send(MessageType.AUDIO, 0, b"a")
            answers += client.take_output()
        client.say_goodbye()
        answers += client.take_output()
        for message in ChunkReader().feed(answers[PACKET_BYTES:]):
            if message.type_id == MessageType.COMMAND:
                read_command(message)
