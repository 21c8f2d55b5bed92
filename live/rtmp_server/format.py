"""RTMP as a format of streams: each packet as the chunks that all players get, made once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from miso.live.media.codec import Kind, TrackId
from miso.live.media.packet import Packet
from miso.live.rtmp.messages import MessageType
from miso.live.rtmp.session.link import CHUNK_SIZE
from miso.live.rtmp.session.server_session import STREAM_ID
from miso.live.rtmp.timestamps import MODULUS

_CONTINUED: Final = 0xC0
"""The beginning of a chunk that goes on with its message."""
_EXTENDED: Final = 0xFFFFFF
_MESSAGE_TYPES: Final = {Kind.AUDIO: MessageType.AUDIO, Kind.VIDEO: MessageType.VIDEO, Kind.DATA: MessageType.DATA}
_CHUNK_STREAMS: Final = {Kind.AUDIO: 4, Kind.VIDEO: 6, Kind.DATA: 5}
_MESSAGE_STREAM: Final = STREAM_ID.to_bytes(4, "little")


@dataclass(frozen=True, slots=True)
class RtmpFormat:
    """RTMP for players.

    Every message begins with a full header, so that a player can begin with any of them.

    Attributes:
        is_multitrack: Players understand more than one track of a kind (enhanced RTMP v2).
    """

    is_multitrack: bool = False
    announces_kinds: ClassVar[bool] = False

    def begin(self, has_audio: bool, has_video: bool) -> bytes:
        """What stands before all packets: nothing."""
        return b""

    def carries(self, track: TrackId) -> bool:
        """Whether players get a track."""
        return self.is_multitrack or not track.number

    def frame(self, packet: Packet) -> tuple[bytes | tuple[bytes, int, int], ...]:
        """A packet as parts of bytes; none if these players do not get it."""
        if not self.carries(packet.track):
            return ()
        body = packet.body(enhanced=False)
        if body is None or not body.size_bytes:
            return ()
        kind = packet.track.kind
        timestamp_ms = 0 if kind is Kind.DATA else packet.dts_ms % MODULUS  # ffmpeg takes later metadata for subtitles
        extended = timestamp_ms.to_bytes(4, "big") if timestamp_ms >= _EXTENDED else b""
        size = body.size_bytes
        header = (
            bytes((_CHUNK_STREAMS[kind],))
            + min(timestamp_ms, _EXTENDED).to_bytes(3, "big")
            + size.to_bytes(3, "big")
            + bytes((_MESSAGE_TYPES[kind],))
            + _MESSAGE_STREAM
            + extended
        )
        _, source, at = body
        header += body.prefix
        if size <= CHUNK_SIZE:
            return header, (source, at, len(source))
        continued = bytes((_CONTINUED | _CHUNK_STREAMS[kind],)) + extended
        until = at + CHUNK_SIZE - len(body.prefix)
        parts: list[bytes | tuple[bytes, int, int]] = [header, (source, at, until)]
        for start in range(until, len(source), CHUNK_SIZE):
            parts += (continued, (source, start, min(start + CHUNK_SIZE, len(source))))
        return tuple(parts)
