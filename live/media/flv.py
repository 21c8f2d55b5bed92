"""FLV files and streams: header, tags, reader and writer (Adobe Flash Video File Format 10.1, annex E).

A tag::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-----+-+-------+-----------------------------------------------+
    | res |F|  type |                  body size                    |
    +-----+-+-------+-------------------------------+---------------+
    |        timestamp, lower 24 bits               | upper 8 bits  |
    +-----------------------------------------------+---------------+
    |                 stream id, 0                  |  body ...
    +-----------------------------------------------+

and after the body, in 32 bits, the size of all this.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

from miso.live.errors import ParseError
from miso.live.media.amf0 import write_amf0
from miso.live.media.codec import Kind
from miso.live.media.metadata import ON_METADATA
from miso.live.media.packet import Packet

HEADER_SIZE = 9
TAG_HEADER_SIZE = 11
TRAILER_SIZE = 4
MAX_BODY_SIZE = (1 << 24) - 1
# As servers bound RTMP messages.
DEFAULT_MAX_BODY_SIZE = 10 * 1024 * 1024

_MAGIC = b"FLV"
_VERSION = 1
_HAS_AUDIO = 0x04
_HAS_VIDEO = 0x01
_MAX_DATA_OFFSET = 1024
_IS_ENCRYPTED = 0x20
_TYPE_MASK = 0x1F
_TAG_HEADER = struct.Struct(">IIHB")  # type and size, time stamp as it stands, stream id
_TIMESTAMP_MASK = 0xFFFFFFFF
_ON_METADATA = write_amf0(ON_METADATA)


class TagType(IntEnum):
    """What a tag carries; also the type of the RTMP message that carries it."""

    AUDIO = 8
    VIDEO = 9
    SCRIPT = 18


TAG_TYPES = {Kind.AUDIO: TagType.AUDIO, Kind.VIDEO: TagType.VIDEO, Kind.DATA: TagType.SCRIPT}


class FlvHeader(NamedTuple):
    """What a file says that it has; players wait for all of it before they begin."""

    has_audio: bool
    has_video: bool

    def to_bytes(self) -> bytes:
        """The header, and the size of the tag before the first: 0."""
        flags = (_HAS_AUDIO if self.has_audio else 0) | (_HAS_VIDEO if self.has_video else 0)
        return _MAGIC + bytes((_VERSION, flags)) + HEADER_SIZE.to_bytes(4, "big") + bytes(TRAILER_SIZE)


class Tag(NamedTuple):
    """One tag.

    Attributes:
        tag_type: What it carries.
        timestamp_ms: 32 bits without sign; it wraps after 49 days.
        body: Without header and trailer.
    """

    tag_type: TagType
    timestamp_ms: int
    body: bytes


def tag_header(tag_type: TagType, body_size: int, timestamp_ms: int) -> bytes:
    """What stands before the body. The time is written in 32 bits, of whatever it is.

    Raises:
        ValueError: The body is larger than 24 bits say.
    """
    if body_size > MAX_BODY_SIZE:
        raise ValueError(f"FLV body has {body_size} bytes, expected at most {MAX_BODY_SIZE}")
    timestamp = timestamp_ms & _TIMESTAMP_MASK
    lower_first = (timestamp & 0xFFFFFF) << 8 | timestamp >> 24
    return _TAG_HEADER.pack(tag_type << 24 | body_size, lower_first, 0, 0)


def tag_trailer(body_size: int) -> bytes:
    """What stands after the body: the size of tag header and body."""
    return (TAG_HEADER_SIZE + body_size).to_bytes(TRAILER_SIZE, "big")


def write_tag(tag_type: TagType, timestamp_ms: int, body: bytes) -> bytes:
    """All of a tag; raises ValueError if the body is larger than 24 bits say."""
    return tag_header(tag_type, len(body), timestamp_ms) + body + tag_trailer(len(body))


def packet_timestamp_ms(packet: Packet) -> int:
    """The time of the tag that carries the packet: 0 of onMetaData, whenever it is sent.

    With another time, ffmpeg takes it for a track of its own.
    """
    is_metadata = packet.track.kind is Kind.DATA and packet.payload.startswith(_ON_METADATA)
    return 0 if is_metadata else packet.dts_ms


def packet_tag(packet: Packet, enhanced: bool = False) -> bytes:
    """The tag that carries the packet; raises ValueError if the body is larger than 24 bits say."""
    return write_tag(TAG_TYPES[packet.track.kind], packet_timestamp_ms(packet), packet.flv_body(enhanced))


class FlvReader:
    """Reads a file or stream that comes in pieces.

    Attributes:
        header: None until it has come.
    """

    def __init__(self, max_body_size: int = DEFAULT_MAX_BODY_SIZE) -> None:
        """``max_body_size`` bounds what is kept while a tag comes in."""
        self.header: FlvHeader | None = None
        self._max_body_size = max_body_size
        self._buffer = bytearray()
        # Of what is passed over: what a longer header has, and the size of the tag before.
        self._to_skip = 0

    @property
    def buffered_bytes(self) -> int:
        """Bytes of a tag that is not complete."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Tag]:
        """The tags that are complete with ``data``; those of unknown types are left out.

        Raises:
            ParseError: It is no FLV, a tag is larger than allowed, or encrypted. The reader is of no use after it.
        """
        buffer = self._buffer
        buffer += data
        tags = []
        position = 0
        if self.header is None:
            if len(buffer) < HEADER_SIZE:
                self._check_magic()
                return []
            position = self._read_header()
        end = len(buffer)
        while True:
            skipped = min(self._to_skip, end - position)
            self._to_skip -= skipped
            position += skipped
            if end - position < TAG_HEADER_SIZE:
                break
            size = self._body_size(position)
            body_at = position + TAG_HEADER_SIZE
            if end - body_at < size:
                break
            tag = _tag(buffer, position, bytes(memoryview(buffer)[body_at : body_at + size]))
            if tag is not None:
                tags.append(tag)
            position = body_at + size
            self._to_skip = TRAILER_SIZE  # whatever it says: writers differ
        del buffer[:position]
        return tags

    def _check_magic(self) -> None:
        if not _MAGIC.startswith(self._buffer[: len(_MAGIC)]):
            raise ParseError(f"FLV header begins with {bytes(self._buffer[:3])!r}, expected {_MAGIC!r}")

    def _read_header(self) -> int:
        """Where the data behind it begins."""
        self._check_magic()
        version, flags = self._buffer[3], self._buffer[4]
        offset = int.from_bytes(self._buffer[5:HEADER_SIZE], "big")
        if version != _VERSION:
            raise ParseError(f"FLV version is {version}, expected {_VERSION}")
        if not HEADER_SIZE <= offset <= _MAX_DATA_OFFSET:
            raise ParseError(f"FLV data begins at {offset}, expected {HEADER_SIZE} to {_MAX_DATA_OFFSET}")
        self.header = FlvHeader(bool(flags & _HAS_AUDIO), bool(flags & _HAS_VIDEO))
        self._to_skip = offset - HEADER_SIZE + TRAILER_SIZE
        return HEADER_SIZE

    def _body_size(self, position: int) -> int:
        if self._buffer[position] & _IS_ENCRYPTED:
            raise ParseError(f"FLV tag begins with 0x{self._buffer[position]:02x}, expected one not encrypted")
        size = int.from_bytes(self._buffer[position + 1 : position + 4], "big")
        if size > self._max_body_size:
            raise ParseError(f"FLV tag has {size} bytes, expected at most {self._max_body_size}")
        return size


def _tag(buffer: bytearray, position: int, body: bytes) -> Tag | None:
    type_and_size, lower_first, _, _ = _TAG_HEADER.unpack_from(buffer, position)
    number = type_and_size >> 24 & _TYPE_MASK
    if number not in _TAG_TYPES:
        return None
    return Tag(TagType(number), (lower_first & 0xFF) << 24 | lower_first >> 8, body)


_TAG_TYPES = frozenset(TagType)
