"""RTMP chunks in pieces: the same messages as in one, nothing beyond the limits, and written they are read again."""

from miso.live.errors import ParseError
from miso.live.rtmp.chunks import ChunkLimits, ChunkReader, ChunkWriter
from miso.live.rtmp.messages import Message, MessageType, make_number
from tests.live.rtmp.test_messages import tag

DOCUMENTED = (ParseError,)
LIMITS = ChunkLimits(message_bytes=2048, command_bytes=512, partial_bytes=4096, chunk_streams=8)
PIECE = 7


def _wire(*messages: Message, chunk_size: int = 128) -> bytes:
    writer = ChunkWriter()
    return writer.set_chunk_size(chunk_size) + b"".join(writer.write(message) for message in messages)


AGGREGATE = tag(MessageType.VIDEO, 2**32 - 1, b"v") + tag(MessageType.AUDIO, 4, b"")
SEEDS = [
    _wire(Message(MessageType.VIDEO, 0xFFFFFF, bytes(300), 1), Message(MessageType.AUDIO, 0x1000005, b"", 1)),
    _wire(
        Message(MessageType.COMMAND, 0, b"\2\0\7connect"), Message(MessageType.AGGREGATE, 9, AGGREGATE, 1), chunk_size=9
    ),
    _wire(make_number(MessageType.ABORT, 4), make_number(MessageType.ACKNOWLEDGEMENT, 2**32 - 1)),
    b"\x00\x10" + bytes(6) + b"\1\x09" + bytes(4) + b"a" + b"\x01\x10\x10" + bytes(6) + b"\1\x08" + bytes(4) + b"b",
    b"\x06"
    + b"\xff\xff\xff"
    + b"\0\1\2\x09\1\0\0\0"
    + b"\1\0\0\0"
    + bytes(128)
    + b"\xc6\1\0\0\0"
    + bytes(128)
    + b"\xc6ab",
]


def _read(data: bytes, piece: int) -> tuple[list[Message], str]:
    reader = ChunkReader(LIMITS)
    got: list[Message] = []
    for at in range(0, len(data), piece):
        try:
            got += reader.feed(data[at : at + piece])
        except ParseError as error:
            return got, str(error)
    return got, ""


def run(data: bytes) -> None:
    whole, error = _read(data, max(len(data), 1))
    pieces, error_in_pieces = _read(data, PIECE)
    assert error == error_in_pieces
    if error:
        assert pieces[: len(whole)] == whole
        raise ParseError(error)
    assert pieces == whole
    again = ChunkReader().feed(_wire(*whole))
    assert [(one.type_id, one.body, one.stream_id) for one in again] == [
        (one.type_id, one.body, one.stream_id) for one in whole
    ]
