"""Aggregate messages (RTMP 1.0, 7.1.6): several messages in one, each as an FLV tag with its length behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from miso.live.errors import ParseError
from miso.live.rtmp.messages import Message, MessageType
from miso.live.rtmp.timestamps import MODULUS

MAX_MESSAGES: Final = 4096
_HEADER_BYTES: Final = 11
_TRAILER_BYTES: Final = 4
_CARRIED: Final = frozenset((MessageType.AUDIO, MessageType.VIDEO, MessageType.DATA))


def split_aggregate(message: Message) -> Iterator[Message]:
    """The messages in it; the first has the aggregate's time, the others keep their distance from it.

    ::

        type (1) | size (3) | timestamp (3) | its highest byte (1) | stream id (3) | body | 11 + size (4)

    Raises:
        ParseError: It is cut off, has too many, or what is no sound, picture or data.
    """
    body = message.body
    position = count = 0
    first_ms = None
    while position < len(body):
        start = position + _HEADER_BYTES
        size = int.from_bytes(body[position + 1 : position + 4], "big")
        end = start + size
        if len(body) < end:
            raise ParseError(f"RTMP aggregate ends too early: have {len(body) - position} bytes, need {end - position}")
        type_id = body[position]
        if type_id not in _CARRIED:
            raise ParseError(f"RTMP aggregate has a message of type {type_id}, expected audio, video or data")
        count += 1
        if count > MAX_MESSAGES:
            raise ParseError(f"RTMP aggregate has more messages than the {MAX_MESSAGES} allowed")
        tag_ms = body[position + 7] << 24 | int.from_bytes(body[position + 4 : position + 7], "big")
        if first_ms is None:
            first_ms = tag_ms
        timestamp_ms = (message.timestamp_ms + tag_ms - first_ms) % MODULUS
        yield Message(type_id, timestamp_ms, body[start:end], message.stream_id)
        position = end + _TRAILER_BYTES  # encoders leave the last length out, or write anything into it
