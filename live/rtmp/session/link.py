"""Messages over a connection: handshake, chunks, acknowledgements and windows (RTMP 1.0, 5.2 to 5.4)."""

from __future__ import annotations

from typing import Final, Protocol

from miso.live.rtmp.chunks import ChunkLimits, ChunkReader, ChunkWriter
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

CHUNK_SIZE: Final = 65_536
"""What we send in, to everybody: ffmpeg takes it over for what it sends, and large chunks cost less to read."""
WINDOW_BYTES: Final = 2_500_000
"""How much may come, either way, between two acknowledgements, until somebody says otherwise."""
_COUNT_MODULUS: Final = 1 << 32
_CONTROL: Final = frozenset(
    (
        MessageType.ACKNOWLEDGEMENT,
        MessageType.USER_CONTROL,
        MessageType.WINDOW_ACK_SIZE,
        MessageType.SET_PEER_BANDWIDTH,
    )
)


class Handshake(Protocol):
    """Either side's."""

    is_done: bool

    def receive(self, buffer: bytearray) -> bytes:
        """Takes what it understands from the buffer's front; returns what is to be sent."""


class Link:
    """Takes the other end's bytes, obeys control messages, and gives all others.

    Attributes:
        bytes_in: What has come.
        has_shaken: The handshake is done.

    Args:
        limits: What the other end may make us keep.
        handshake: This end's.
        opening: What is to be sent before anything comes: a client's part.
    """

    def __init__(self, limits: ChunkLimits, handshake: Handshake, opening: bytes = b"") -> None:
        self.bytes_in = 0
        self._handshake = handshake
        self._before_chunks = bytearray()
        self._reader = ChunkReader(limits)
        self._writer = ChunkWriter()
        self._out = bytearray(opening)
        self._window = WINDOW_BYTES
        self._acknowledged = 0
        self._told_window = 0
        self._is_stream_over = False  # the server has said so, and nothing since

    @property
    def has_shaken(self) -> bool:
        """Whether the handshake is done."""
        return self._handshake.is_done

    def receive(self, data: bytes) -> list[Message]:
        """Takes what has come, and returns the messages that end in it.

        Raises:
            ParseError: It is no RTMP, or is beyond a limit; nothing more can be read.
        """
        self.bytes_in += len(data)
        if not self._handshake.is_done:
            self._before_chunks += data
            self._out += self._handshake.receive(self._before_chunks)
            if not self._handshake.is_done:
                return []
            data = bytes(self._before_chunks)
            self._before_chunks.clear()
        messages = self._reader.feed(data)
        for message in messages:
            if message.type_id in _CONTROL:
                self._obey(message)
        if self.bytes_in - self._acknowledged >= self._window:
            self._acknowledged = self.bytes_in
            self.send(make_number(MessageType.ACKNOWLEDGEMENT, self.bytes_in % _COUNT_MODULUS))
        return [message for message in messages if message.type_id not in _CONTROL]

    def send(self, message: Message) -> None:
        """Adds a message to what is to be sent."""
        self._out += self._writer.write(message)

    def greet(self) -> None:
        """Says how large windows and chunks are from now on."""
        self._tell_window(WINDOW_BYTES)
        self.send(make_peer_bandwidth(WINDOW_BYTES, BandwidthLimit.DYNAMIC))
        self.enlarge_chunks()

    def enlarge_chunks(self) -> None:
        """Says how large chunks are from now on."""
        self._out += self._writer.set_chunk_size(CHUNK_SIZE)

    def take_stream_eof(self) -> bool:
        """Whether the server has said, since this was last asked, that a stream is over."""
        is_over, self._is_stream_over = self._is_stream_over, False
        return is_over

    def ping(self, now_s: float) -> None:
        """Asks the other end whether it is there; whatever it sends then, says that it is."""
        self.send(make_user_control(UserControlType.PING_REQUEST, int(now_s * 1000) % _COUNT_MODULUS))

    def take_output(self) -> bytes:
        """What is to be sent; it is not kept."""
        output = bytes(self._out)
        self._out.clear()
        return output

    def _obey(self, message: Message) -> None:
        if message.type_id == MessageType.WINDOW_ACK_SIZE:
            self._window = max(1, number(message))
        elif message.type_id == MessageType.SET_PEER_BANDWIDTH:
            window = number(message)
            if window != self._told_window:
                self._tell_window(window)
        elif message.type_id == MessageType.USER_CONTROL:
            control = user_control(message)
            if control.type_id == UserControlType.PING_REQUEST and control.values:
                self.send(make_user_control(UserControlType.PING_RESPONSE, control.values[0]))
            elif control.type_id in (UserControlType.STREAM_EOF, UserControlType.STREAM_BEGIN):
                self._is_stream_over = control.type_id == UserControlType.STREAM_EOF

    def _tell_window(self, window: int) -> None:
        self._told_window = window
        self.send(make_number(MessageType.WINDOW_ACK_SIZE, window))
