"""What a client sends after its handshake: commands, media and control messages; the session answers or ends."""

from __future__ import annotations

from miso.live.media.amf import Value
from miso.live.rtmp.chunks import ChunkReader, ChunkWriter
from miso.live.rtmp.commands import make_command, read_command
from miso.live.rtmp.handshake import PACKET_BYTES, VERSION
from miso.live.rtmp.messages import Message, MessageType, make_number
from miso.live.rtmp.session.events import PlayAsked, PublishAsked
from miso.live.rtmp.session.server_session import Phase, ServerSession, SessionLimits
from miso.live.rtmp.status import Code

_HANDSHAKE = bytes((VERSION,)) + bytes(2 * PACKET_BYTES)
_RINGS = 5  # of timers, on time: silence has ended it by then
_ANSWER_BYTES = 1 + 2 * PACKET_BYTES
_APP: dict[str, Value] = {"app": "live?a=1", "tcUrl": "rtmp://u:p@host/live", "fourCcList": ["hvc1"], "capsEx": 15.0}
_CONNECT = make_command("connect", 1, _APP)
_CREATE = make_command("createStream", 2, None)


def _written(*messages: Message) -> bytes:
    writer = ChunkWriter()
    return b"".join(map(writer.write, messages))


SEEDS = [
    _written(
        make_number(MessageType.WINDOW_ACK_SIZE, 100),
        _CONNECT,
        make_command("releaseStream", 2, None, "name"),
        make_command("FCPublish", 3, None, "name"),
        _CREATE,
        make_command("publish", 5, None, "name?b=2", "live", stream_id=1),
        Message(MessageType.DATA, 0, b"\2\0\x0d@setDataFrame", 1),
        Message(MessageType.VIDEO, 40, b"\x17\0\0\0\0", 1),
        Message(MessageType.AUDIO, 40, b"", 1),
        make_command("FCUnpublish", 6, None, "name"),
        make_command("deleteStream", 7, None, 1),
    ),
    _written(
        _CONNECT,
        make_command("_checkbw", 2, None),
        _CREATE,
        make_command("getStreamLength", 3, None, "name"),
        make_command("FCSubscribe", 0, None, "name"),
        make_command("play", 4, None, "name", -2000, stream_id=1),
        make_command("pause", 0, None, True, 5, stream_id=1),
        make_command("seek", 0, None, 5, stream_id=1),
        make_command("receiveAudio", 0, None, False, stream_id=1),
        make_command("receiveVideo", 0, None, True, stream_id=1),
        make_command("closeStream", 0, None, stream_id=1),
    ),
    _written(Message(MessageType.COMMAND_AMF3, 0, b"\0" + _CONNECT.body), make_command("fly", 9, None)),
]


def run(data: bytes) -> None:
    """Half the publishers and players are refused; whatever a client sends, it is answered with readable messages."""
    session = ServerSession(SessionLimits(waiting_bytes=2_000, waiting_messages=8), 0.0, bytes)
    answers = b""
    for now_s, piece in enumerate((_HANDSHAKE, data[: len(data) // 2], data[len(data) // 2 :])):
        for event in session.receive(piece, float(now_s)):
            if isinstance(event, PublishAsked | PlayAsked) and session.phase is Phase.DECIDING:
                if len(event.address.path) % 8 == 1:
                    session.refuse(Code.PUBLISH_DENIED, event.address.path, float(now_s))
                else:
                    session.accept(float(now_s))
        answers += session.take_output()
    for message in ChunkReader().feed(answers[_ANSWER_BYTES:]):
        if message.type_id == MessageType.COMMAND:
            read_command(message)
    for later_s in (20.0, 60.0, 120.0):  # as in a process that stands still: that alone ends nobody
        session.handle_timer(later_s)
    for _ in range(_RINGS):
        if (due_s := session.next_timer_s) is not None:
            session.handle_timer(due_s)
    assert session.phase in (Phase.ENDED, Phase.DECIDING)
