"""The messages of RTMP (RTMP 1.0, 5.4, 6.2 and 7.1), and the short ones that are only numbers, made and read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from miso.live.errors import ParseError


class MessageType(IntEnum):
    """The number that each message carries."""

    SET_CHUNK_SIZE = 1
    ABORT = 2
    ACKNOWLEDGEMENT = 3
    USER_CONTROL = 4
    WINDOW_ACK_SIZE = 5
    SET_PEER_BANDWIDTH = 6
    AUDIO = 8
    VIDEO = 9
    DATA_AMF3 = 15
    SHARED_OBJECT_AMF3 = 16
    COMMAND_AMF3 = 17
    DATA = 18
    SHARED_OBJECT = 19
    COMMAND = 20
    AGGREGATE = 22


class UserControlType(IntEnum):
    """What a user control message is about (7.1.7)."""

    STREAM_BEGIN = 0
    STREAM_EOF = 1
    STREAM_DRY = 2
    SET_BUFFER_LENGTH = 3
    STREAM_IS_RECORDED = 4
    PING_REQUEST = 6
    PING_RESPONSE = 7


class BandwidthLimit(IntEnum):
    """How a peer bandwidth is meant (5.4.5)."""

    HARD = 0
    SOFT = 1
    DYNAMIC = 2


@dataclass(frozen=True, slots=True)
class Message:
    """A message, in one piece.

    Attributes:
        type_id: Mostly a :class:`MessageType`.
        timestamp_ms: Of what is read, unwrapped: it goes on through 2^32, and is below zero where a stream's time goes
            back from its beginning. Of what is written, any; its lowest 32 bits are sent.
        body: All of it.
        stream_id: The message stream; 0 for what concerns the connection.
    """

    type_id: int
    timestamp_ms: int
    body: bytes
    stream_id: int = 0


@dataclass(frozen=True, slots=True)
class UserControl:
    """A user control message.

    Attributes:
        type_id: Mostly a :class:`UserControlType`.
        values: Its numbers: a stream id, a buffer's length in milliseconds after it, or a ping's time.
    """

    type_id: int
    values: tuple[int, ...]


def number(message: Message) -> int:
    """The number of a control message of 4 bytes; Set Peer Bandwidth's as well, which has one more.

    Raises:
        ParseError: It has another length.
    """
    expected = 5 if message.type_id == MessageType.SET_PEER_BANDWIDTH else 4
    if len(message.body) != expected:
        raise ParseError(f"RTMP message of type {message.type_id} has {len(message.body)} bytes, expected {expected}")
    return int.from_bytes(message.body[:4], "big")


def user_control(message: Message) -> UserControl:
    """Reads one.

    Raises:
        ParseError: It is shorter than its type.
    """
    if len(message.body) < 2:
        raise ParseError(f"RTMP user control message has {len(message.body)} bytes, expected at least 2")
    numbers = message.body[2:10]
    values = tuple(int.from_bytes(numbers[at : at + 4], "big") for at in range(0, len(numbers) - 3, 4))
    return UserControl(int.from_bytes(message.body[:2], "big"), values)


def make_number(type_id: MessageType, value: int) -> Message:
    """A control message of 4 bytes: Set Chunk Size, Abort, Acknowledgement, Window Acknowledgement Size."""
    return Message(type_id, 0, value.to_bytes(4, "big"))


def make_peer_bandwidth(window_bytes: int, limit: BandwidthLimit) -> Message:
    """Set Peer Bandwidth."""
    return Message(MessageType.SET_PEER_BANDWIDTH, 0, window_bytes.to_bytes(4, "big") + bytes((limit,)))


def make_user_control(type_id: UserControlType, *values: int) -> Message:
    """A user control message."""
    body = type_id.to_bytes(2, "big") + b"".join(value.to_bytes(4, "big") for value in values)
    return Message(MessageType.USER_CONTROL, 0, body)
