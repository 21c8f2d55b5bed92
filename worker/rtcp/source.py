"""Who the sources are, that they leave, and what applications tell: SDES, BYE, APP (RFC 3550 sections 6.5 to 6.7)."""

from __future__ import annotations

from dataclasses import dataclass

from miso.worker.errors import ParseError
from miso.worker.rtcp.wire import PacketType, make_packet, need, read32

_CNAME = 1  # item type
_MAX_CHUNKS = 31
_MAX_TEXT_SIZE = 255  # bytes: its length has one
_END = 0  # of a chunk's items


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """Canonical names of sources; other items are skipped.

    Attributes:
        chunks: (SSRC, CNAME) pairs, at most 31; "" for a source described without a CNAME.
    """

    chunks: tuple[tuple[int, str], ...]

    def to_bytes(self) -> bytes:
        """The packet, header included.

        Raises:
            ValueError: There are more than 31 chunks, or a CNAME has more than 255 bytes of UTF-8.
        """
        if len(self.chunks) > _MAX_CHUNKS:
            raise ValueError(f"{len(self.chunks)} SDES chunks, at most {_MAX_CHUNKS} fit in a packet")
        body = bytearray()
        for ssrc, cname in self.chunks:
            text = cname.encode()
            if len(text) > _MAX_TEXT_SIZE:
                raise ValueError(f"CNAME has {len(text)} bytes, at most {_MAX_TEXT_SIZE} are allowed")
            body += ssrc.to_bytes(4, "big") + bytes((_CNAME, len(text))) + text
            body += bytes(4 - len(body) % 4)  # at least one zero ends the items
        return make_packet(PacketType.SOURCE_DESCRIPTION, len(self.chunks), bytes(body))


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Sources that leave.

    Attributes:
        ssrcs: At most 31.
        reason: May be "".
    """

    ssrcs: tuple[int, ...]
    reason: str = ""

    def to_bytes(self) -> bytes:
        """The packet, header included."""
        body = b"".join(ssrc.to_bytes(4, "big") for ssrc in self.ssrcs)
        if self.reason:
            text = self.reason.encode()[:_MAX_TEXT_SIZE]
            body += bytes((len(text),)) + text
        return make_packet(PacketType.GOODBYE, len(self.ssrcs), body)


@dataclass(frozen=True, slots=True)
class ApplicationDefined:
    """An application's own packet.

    Attributes:
        subtype: 0 to 31.
        ssrc: Of the sender.
        name: Four ASCII characters.
        data: A multiple of four bytes.
    """

    subtype: int
    ssrc: int
    name: str
    data: bytes = b""

    def to_bytes(self) -> bytes:
        """The packet, header included."""
        body = self.ssrc.to_bytes(4, "big") + self.name.encode("latin-1")[:4].ljust(4, b"\0") + self.data
        return make_packet(PacketType.APPLICATION_DEFINED, self.subtype, body)


def parse_source_description(count: int, body: bytes) -> SourceDescription:
    """Reads the body of a packet of type 202.

    Raises:
        ParseError: A chunk or an item overruns the packet.
    """
    chunks = []
    offset = 0
    for _ in range(count):
        need(body, offset + 4, "RTCP SDES chunk")
        ssrc = read32(body, offset)
        offset, cname = _parse_items(body, offset + 4)
        chunks.append((ssrc, cname))
    return SourceDescription(tuple(chunks))


def _parse_items(body: bytes, offset: int) -> tuple[int, str]:
    cname = ""
    while True:
        if offset >= len(body):
            raise ParseError(f"RTCP SDES items have no end: have {len(body)} bytes")
        kind = body[offset]
        if kind == _END:
            return (offset + 4) & ~3, cname
        need(body, offset + 2, "RTCP SDES item")
        size = body[offset + 1]
        need(body, offset + 2 + size, "RTCP SDES item")
        if kind == _CNAME:
            cname = body[offset + 2 : offset + 2 + size].decode("utf-8", "replace")
        offset += 2 + size


def parse_goodbye(count: int, body: bytes) -> Goodbye:
    """Reads the body of a packet of type 203.

    Raises:
        ParseError: It is shorter than its sources or its reason.
    """
    need(body, 4 * count, f"RTCP BYE of {count} sources")
    ssrcs = tuple(read32(body, 4 * index) for index in range(count))
    rest = body[4 * count :]
    if not rest:
        return Goodbye(ssrcs)
    need(rest, 1 + rest[0], "RTCP BYE reason")
    return Goodbye(ssrcs, rest[1 : 1 + rest[0]].decode("utf-8", "replace"))


def parse_application_defined(count: int, body: bytes) -> ApplicationDefined:
    """Reads the body of a packet of type 204.

    Raises:
        ParseError: It is shorter than SSRC and name.
    """
    need(body, 8, "RTCP APP packet")
    return ApplicationDefined(count, read32(body, 0), body[4:8].decode("latin-1"), body[8:])
