"""FLV as a format of streams: each packet as the tag that all players get, made once."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final

from miso.live.broadcast.format import Part
from miso.live.media.codec import Kind, TrackId
from miso.live.media.flv import (
    MAX_BODY_SIZE,
    TAG_HEADER_SIZE,
    TAG_TYPES,
    TRAILER_SIZE,
    FlvHeader,
    packet_timestamp_ms,
    tag_header,
    tag_trailer,
)
from miso.live.media.packet import Packet

LAST_CHUNK: Final = b"0\r\n\r\n"
"""What ends an answer in chunks."""
_CRLF: Final = b"\r\n"
_LAST_BINARY: Final = 0x82
"""A message of bytes in one frame (RFC 6455, section 5.2)."""
_SHORT: Final = 125
_TWO_BYTES: Final = 0xFFFF


class Framing(Enum):
    """What is around each tag.

    NONE: Nothing: the answer ends with the connection, as HTTP/1.0 has it.
    CHUNK: It is a chunk of an answer (RFC 9112, section 7.1), for HTTP/1.1.
    MESSAGE: It is a message of a WebSocket.
    """

    NONE = "none"
    CHUNK = "chunk"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class FlvFormat:
    """FLV for players, who know of no more than one track of each kind.

    Attributes:
        track: The number of the tracks that they get.
        framing: What is around each tag.
    """

    track: int = 0
    framing: Framing = Framing.NONE
    announces_kinds: ClassVar[bool] = True

    def begin(self, has_audio: bool, has_video: bool) -> bytes:
        """The file's header."""
        header = FlvHeader(has_audio, has_video).to_bytes()
        return self._before(len(header)) + header + self._behind()

    def carries(self, track: TrackId) -> bool:
        """Whether that track goes to players."""
        return track.kind is Kind.DATA or track.number == self.track

    def frame(self, packet: Packet) -> tuple[Part, ...]:
        """A tag, in the form that players knew first where there is one; none if they do not get it."""
        if not self.carries(packet.track):
            return ()
        body = (_as_main_track(packet) if packet.track.number else packet).body(enhanced=False)
        size = body.size_bytes if body is not None else 0
        if body is None or not 0 < size <= MAX_BODY_SIZE:
            return ()
        header = tag_header(TAG_TYPES[packet.track.kind], size, packet_timestamp_ms(packet))
        before = self._before(TAG_HEADER_SIZE + size + TRAILER_SIZE)
        bits = (body.source, body.start, len(body.source))
        return before + header + body.prefix, bits, tag_trailer(size) + self._behind()

    def _before(self, size: int) -> bytes:
        if self.framing is Framing.NONE:
            return b""
        if self.framing is Framing.CHUNK:
            return b"%x\r\n" % size
        if size <= _SHORT:
            return bytes((_LAST_BINARY, size))
        if size <= _TWO_BYTES:
            return struct.pack("!BBH", _LAST_BINARY, 126, size)
        return struct.pack("!BBQ", _LAST_BINARY, 127, size)

    def _behind(self) -> bytes:
        return _CRLF if self.framing is Framing.CHUNK else b""


def _as_main_track(packet: Packet) -> Packet:
    return Packet(
        TrackId(packet.track.kind),
        packet.codec,
        packet.dts_ms,
        packet.payload,
        composition_ms=packet.composition_ms,
        is_key=packet.is_key,
        is_config=packet.is_config,
        is_end=packet.is_end,
        length_size=packet.length_size,
    )
