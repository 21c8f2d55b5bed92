"""The chunk stream (RTMP 1.0, 5.3): messages out of the bytes of a connection, and messages into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from miso.live.errors import ParseError
from miso.live.rtmp.aggregate import split_aggregate
from miso.live.rtmp.messages import Message, MessageType, number
from miso.live.rtmp.timestamps import MODULUS, TimestampUnwrapper

DEFAULT_CHUNK_SIZE: Final = 128
MAX_CHUNK_SIZE: Final = 16 * 1024 * 1024
"""What we announce and take at most; no message is as long."""
CONTROL_CHUNK_STREAM: Final = 2

_EXTENDED: Final = 0xFFFFFF
"""In the 3 bytes of a timestamp or delta: 4 more bytes have it."""
_FULL, _SAME_STREAM, _ONLY_DELTA, _NOTHING = range(4)
"""What a chunk's header says anew (5.3.1.2): types 0 to 3."""
_HEADER_BYTES: Final = (11, 7, 3, 0)
_LONGEST_RUN: Final = 64
"""So many chunks are looked at together: more would cost much where a sender changes the chunk stream after each."""
_DATA: Final = frozenset((MessageType.DATA, MessageType.DATA_AMF3))
_TIMED: Final = _DATA | {MessageType.AUDIO, MessageType.VIDEO}
_LONG: Final = _TIMED | {MessageType.AGGREGATE}
_CHUNK_STREAMS: Final[dict[int, int]] = {
    MessageType.AUDIO: 4,
    MessageType.VIDEO: 6,
    MessageType.DATA: 5,
    MessageType.COMMAND: 3,
}
"""Where we send what; what is not named goes where control messages go."""


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """What a peer may make us keep.

    Attributes:
        message_bytes: The longest message of sound, pictures or data.
        command_bytes: The longest of any other: commands and control messages.
        partial_bytes: All messages together that have begun and not ended.
        chunk_streams: So many chunk streams.
    """

    message_bytes: int = 10 * 1024 * 1024
    command_bytes: int = 64 * 1024
    partial_bytes: int = 16 * 1024 * 1024
    chunk_streams: int = 64


class _ChunkStream:
    """One chunk stream of those that come in.

    Attributes:
        field: The last timestamp or delta that a header had, by 3 bytes or by 4.
        extended: That number in its 4 bytes, as it may be repeated in chunks without a header; empty: it had 3.
        timestamp_ms: Of the message that is coming, or of the last; modulo 2^32.
        left: So much of the message is to come; 0: none is coming.
        partial: What has come of it; None while nothing has.
    """

    __slots__ = ("extended", "field", "left", "length", "partial", "stream_id", "timestamp_ms", "type_id")

    def __init__(self) -> None:
        self.field = 0
        self.extended = b""
        self.timestamp_ms = 0
        self.length = 0
        self.type_id = 0
        self.stream_id = 0
        self.left = 0
        self.partial: bytearray | None = None


class ChunkReader:
    """Takes a connection's bytes in pieces of any size and gives whole messages.

    It obeys Set Chunk Size and Abort itself, because they hold from the next chunk on, and takes aggregates apart. It
    keeps what has come, never room for what was announced, and copies it at most twice.

    Attributes:
        chunk_size: The longest payload of a chunk, as the peer has set it.
    """

    def __init__(self, limits: ChunkLimits | None = None) -> None:
        self.chunk_size = DEFAULT_CHUNK_SIZE
        self._limits = limits or ChunkLimits()
        self._streams: dict[int, _ChunkStream] = {}
        self._unwrapper = TimestampUnwrapper()
        self._rest = b""  # the beginning of a chunk's header
        self._partial_bytes = 0
        self._current: _ChunkStream | None = None  # whose chunk's payload is coming
        self._current_id = 0
        self._chunk_left = 0

    def feed(self, data: bytes) -> list[Message]:
        """The messages that end in these bytes.

        Raises:
            ParseError: It is no chunk stream, or is beyond a limit; nothing more can be read.
        """
        if self._rest:
            data = self._rest + data
            self._rest = b""
        messages: list[Message] = []
        position, end = 0, len(data)
        view = memoryview(data)
        while True:
            if self._current is not None:
                position = self._take_payload(self._current, data, view, position, messages)
                if self._current is not None:
                    return messages
            if position == end:
                return messages
            header_end = self._begin_chunk(data, position)
            if header_end is None:
                self._rest = data[position:]
                return messages
            position = header_end

    def _begin_chunk(self, data: bytes, start: int) -> int | None:
        """Reads a header; returns where the payload begins, or None if the header has not come whole."""
        available = len(data) - start
        first = data[start]
        header_type, chunk_stream_id, size = first >> 6, first & 0x3F, 1
        if chunk_stream_id < 2:  # the id is in one or two bytes more
            size = 2 + chunk_stream_id
            if available < size:
                return None
            chunk_stream_id = 64 + int.from_bytes(data[start + 1 : start + size], "little")
        fields = start + size
        size += _HEADER_BYTES[header_type]
        if available < size:
            return None
        stream = self._stream(chunk_stream_id, header_type)
        if header_type == _NOTHING:
            repeated = _repeats(data, start + size, stream)
            if repeated is None:
                return None
            if stream.left == 0:
                self._begin_message(stream, (stream.timestamp_ms + stream.field) % MODULUS)
            size += repeated
        else:
            field = int.from_bytes(data[fields : fields + 3], "big")
            extended = b""
            if field == _EXTENDED:
                extended = data[start + size : start + size + 4]
                if len(extended) < 4:
                    return None
                field = int.from_bytes(extended, "big")
                size += 4
            stream.field, stream.extended = field, extended
            if header_type != _ONLY_DELTA:
                stream.length = int.from_bytes(data[fields + 3 : fields + 6], "big")
                stream.type_id = data[fields + 6]
            if header_type == _FULL:
                stream.stream_id = int.from_bytes(data[fields + 7 : fields + 11], "little")
            self._drop_partial(stream)  # whoever says a new header in the middle of a message has given that one up
            before_ms = 0 if header_type == _FULL else stream.timestamp_ms
            self._begin_message(stream, (before_ms + field) % MODULUS)
        self._current = stream
        self._current_id = chunk_stream_id
        self._chunk_left = min(stream.left, self.chunk_size)
        return start + size

    def _stream(self, chunk_stream_id: int, header_type: int) -> _ChunkStream:
        stream = self._streams.get(chunk_stream_id)
        if stream is None:
            if header_type > _SAME_STREAM:  # librtmp begins with type 1 on chunk stream 2
                raise ParseError(
                    f"RTMP chunk stream {chunk_stream_id} begins with a header of type {header_type}, expected 0 or 1"
                )
            if len(self._streams) >= self._limits.chunk_streams:
                raise ParseError(f"RTMP has more than the {self._limits.chunk_streams} chunk streams allowed")
            stream = self._streams[chunk_stream_id] = _ChunkStream()
        return stream

    def _begin_message(self, stream: _ChunkStream, timestamp_ms: int) -> None:
        limits = self._limits
        limit = limits.message_bytes if stream.type_id in _LONG else limits.command_bytes
        if stream.length > limit:
            raise ParseError(
                f"RTMP message of type {stream.type_id} is {stream.length} bytes long, expected at most {limit}"
            )
        stream.timestamp_ms = timestamp_ms
        stream.left = stream.length

    def _take_payload(
        self, stream: _ChunkStream, data: bytes, view: memoryview, start: int, messages: list[Message]
    ) -> int:
        """Takes what has come of the current chunk; returns where it ends."""
        size = min(self._chunk_left, len(data) - start)
        end = start + size
        if size == stream.left and stream.partial is None:  # the whole message in one piece
            body = data[start:end]
        else:
            self._partial_bytes += size
            if self._partial_bytes > self._limits.partial_bytes:
                raise ParseError(f"RTMP messages that have not ended are more than {self._limits.partial_bytes} bytes")
            if stream.partial is None:
                stream.partial = bytearray()
            stream.partial += view[start:end]
            if size < stream.left:
                stream.left -= size
                self._chunk_left -= size
                if self._chunk_left == 0:
                    self._current = None
                    return self._take_run(stream, data, end)
                return end
            body = bytes(stream.partial)
            self._drop_partial(stream)
        stream.left = 0
        self._current = None
        self._finish(Message(stream.type_id, stream.timestamp_ms, body, stream.stream_id), messages)
        return end

    def _take_run(self, stream: _ChunkStream, data: bytes, start: int) -> int:
        """Takes the chunks that go on with the same message, all of them full, in one go; returns where they end.

        Small chunks are many: an encoder that keeps to 128 bytes sends a thousand a megabyte.
        """
        header = _basic_header(_NOTHING, self._current_id) + stream.extended
        chunk_size, stride = self.chunk_size, self.chunk_size + len(header)
        count = min((stream.left - 1) // chunk_size, (len(data) - start) // stride, _LONGEST_RUN)
        if count < 2 or stream.partial is None or not data.startswith(header, start):
            return start
        end = start + count * stride
        for at, byte in enumerate(header):
            count = min(count, _leading(byte, data[start + at : end : stride]))
        end = start + count * stride
        payload = bytearray(data[start:end])
        for left in range(len(header), 0, -1):
            del payload[:: chunk_size + left]
        self._partial_bytes += len(payload)
        stream.left -= len(payload)
        stream.partial += payload
        return end

    def _drop_partial(self, stream: _ChunkStream) -> None:
        if stream.partial is not None:
            self._partial_bytes -= len(stream.partial)
            stream.partial = None
        stream.left = 0

    def _finish(self, message: Message, messages: list[Message]) -> None:
        if message.type_id in _TIMED:
            messages.append(self._unwrapped(message))
        elif message.type_id == MessageType.AGGREGATE:
            messages.extend(map(self._unwrapped, split_aggregate(message)))
        elif message.type_id == MessageType.SET_CHUNK_SIZE:
            size = number(message)
            if not 1 <= size <= MAX_CHUNK_SIZE:
                raise ParseError(f"RTMP chunk size is {size}, expected 1 to {MAX_CHUNK_SIZE}")
            self.chunk_size = size
        elif message.type_id == MessageType.ABORT:
            stream = self._streams.get(number(message))
            if stream is not None:
                self._drop_partial(stream)
        else:
            messages.append(message)

    def _unwrapped(self, message: Message) -> Message:
        is_media = message.type_id not in _DATA
        timestamp_ms = self._unwrapper.unwrap(message.stream_id, message.timestamp_ms, is_media)
        if timestamp_ms == message.timestamp_ms:
            return message
        return Message(message.type_id, timestamp_ms, message.body, message.stream_id)


class ChunkWriter:
    """Makes chunks of messages.

    It begins no message without a header (type 3), because receivers disagree what that means for the time, and writes
    an extended timestamp in each chunk, as RTMP 1.0 has it.

    Attributes:
        chunk_size: The longest payload of a chunk; the peer must have been told.
    """

    def __init__(self) -> None:
        self.chunk_size = DEFAULT_CHUNK_SIZE
        # By chunk stream: time, length, type and message stream of its last message.
        self._last: dict[int, tuple[int, int, int, int]] = {}

    def write(self, message: Message) -> bytes:
        """The message as chunks."""
        chunk_stream_id = _CHUNK_STREAMS.get(message.type_id, CONTROL_CHUNK_STREAM)
        header, extended = self._header(chunk_stream_id, message)
        body = message.body
        chunk_size = self.chunk_size
        if len(body) <= chunk_size:
            return header + body
        continuation = bytes((_NOTHING << 6 | chunk_stream_id,)) + extended
        pieces = [header, body[:chunk_size]]
        for start in range(chunk_size, len(body), chunk_size):
            pieces += (continuation, body[start : start + chunk_size])
        return b"".join(pieces)

    def set_chunk_size(self, size: int) -> bytes:
        """Uses that size from now on; returns the message that says so."""
        told = self.write(Message(MessageType.SET_CHUNK_SIZE, 0, size.to_bytes(4, "big")))
        self.chunk_size = size
        return told

    def _header(self, chunk_stream_id: int, message: Message) -> tuple[bytes, bytes]:
        """The header, and the extended timestamp that the chunks after the first repeat."""
        length, type_id = len(message.body), message.type_id
        last = self._last.get(chunk_stream_id)
        self._last[chunk_stream_id] = (message.timestamp_ms, length, type_id, message.stream_id)
        timestamp_ms = message.timestamp_ms % MODULUS
        described = length.to_bytes(3, "big") + bytes((type_id,))
        if last is not None and last[3] == message.stream_id:
            delta_ms = message.timestamp_ms - last[0]
            if 0 <= delta_ms < _EXTENDED:
                field = delta_ms.to_bytes(3, "big")
                if last[1:3] == (length, type_id):
                    return bytes((_ONLY_DELTA << 6 | chunk_stream_id,)) + field, b""
                return bytes((_SAME_STREAM << 6 | chunk_stream_id,)) + field + described, b""
        extended = timestamp_ms.to_bytes(4, "big") if timestamp_ms >= _EXTENDED else b""
        field = min(timestamp_ms, _EXTENDED).to_bytes(3, "big")
        stream_id = message.stream_id.to_bytes(4, "little")
        return bytes((chunk_stream_id,)) + field + described + stream_id + extended, extended


def _basic_header(header_type: int, chunk_stream_id: int) -> bytes:
    """The one to three bytes that every chunk begins with (5.3.1.1)."""
    if chunk_stream_id < 64:
        return bytes((header_type << 6 | chunk_stream_id,))
    if chunk_stream_id < 320:
        return bytes((header_type << 6, chunk_stream_id - 64))
    return bytes((header_type << 6 | 1,)) + (chunk_stream_id - 64).to_bytes(2, "little")


def _leading(byte: int, data: bytes) -> int:
    """How often the byte stands at the beginning."""
    return len(data) - len(data.lstrip(bytes((byte,))))


def _repeats(data: bytes, position: int, stream: _ChunkStream) -> int | None:
    """How many bytes repeat the extended timestamp there: 4, or 0 from those who leave it out; None: more must come.

    Who leaves it out (old librtmp and ffmpeg) has payload there, which is almost never the same.
    """
    if not stream.extended:
        return 0
    found = data[position : position + 4]
    if found == stream.extended:
        return 4
    return None if len(found) < 4 and stream.extended.startswith(found) else 0
