"""Our side of the four-way handshake: what INIT and INIT ACK say, and what to make of a COOKIE ECHO.

RFC 9260 section 5.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from miso.worker.errors import ParseError
from miso.worker.sctp import enums
from miso.worker.sctp.handshake.cookie import LIFETIME_US, Cookie, Peer
from miso.worker.sctp.wire.chunks import Init
from miso.worker.sctp.wire.constants import FLAG_TAG_REFLECTED, ChunkType, ParameterType
from miso.worker.sctp.wire.packet import Packet
from miso.worker.sctp.wire.parameters import Parameter

_MAX_COOKIE_SIZE = enums.ROOM - enums.CHUNK_HEADER_SIZE  # a COOKIE ECHO can not be cut in pieces
_KEY_SIZE = 32  # that cookies are signed with, bytes
_MAX_REPORTED_SIZE = 512  # bytes of unrecognized parameters that are told back

_EXTENSIONS = bytes((ChunkType.RE_CONFIG, ChunkType.FORWARD_TSN))
_INTERLEAVING_EXTENSIONS = bytes((ChunkType.I_DATA, ChunkType.I_FORWARD_TSN))


class CookieOutcome(Enum):
    """What a COOKIE ECHO leads to (RFC 9260 section 5.2.4, table 12)."""

    ESTABLISH = "establish"  # there was no association, or both sides began (B)
    RESTART = "restart"  # the peer lost its state and began again (A)
    CONFIRM = "confirm"  # it belongs to what there is (D)
    DISCARD = "discard"  # it came late (C), or fits nothing
    STALE = "stale"


class Tags(NamedTuple):
    """What the association that exists goes by; 0 for what is not known."""

    local: int
    peer: int


def has_right_tag(packet: Packet, tags: Tags) -> bool:
    """Whether a packet's verification tag is what RFC 9260 section 8.5 wants.

    A COOKIE ECHO's is judged with its cookie.
    """
    type_, flags, _, _ = packet.chunks[0]
    if type_ in _WITH_OTHER_TAGS:
        if type_ == ChunkType.INIT:
            return packet.tag == 0 and len(packet.chunks) == 1
        if type_ == ChunkType.COOKIE_ECHO:
            return True
        if flags & FLAG_TAG_REFLECTED:
            return tags.peer != 0 and packet.tag == tags.peer
    return tags.local != 0 and packet.tag == tags.local


_WITH_OTHER_TAGS = frozenset((ChunkType.INIT, ChunkType.COOKIE_ECHO, ChunkType.ABORT, ChunkType.SHUTDOWN_COMPLETE))


class Handshake:
    """Our tag, our first TSN, and the key of our cookies.

    Attributes:
        tag: what packets to us must have, once ours was accepted.
        initial_tsn: of our first DATA chunk.
    """

    def __init__(
        self, outbound_streams: int, inbound_streams: int, random: Callable[[int], bytes], interleaving: bool
    ) -> None:
        self._outbound_streams = outbound_streams
        self._inbound_streams = inbound_streams
        self._random = random
        self._interleaving = interleaving
        self._key = random(_KEY_SIZE)  # that signs our cookies
        self.tag = self._new_tag()
        self.initial_tsn = self._random_number()

    def init(self) -> bytes:
        """Our INIT chunk."""
        return self._init(self.tag, self.initial_tsn, ()).to_bytes(ChunkType.INIT)

    def init_ack(self, init: Init, tags: Tags | None, now_us: int) -> bytes:
        """The INIT ACK chunk that answers an INIT, and is forgotten.

        Args:
            init: what came.
            tags: of an established association, whose peer begins again; None while there is none, or both sides begin.
            now_us: for the cookie's lifetime.
        """
        if tags is None:
            cookie = Cookie(now_us, self.tag, self.initial_tsn, self.settle(init))
        else:
            new_tsn = self._random_number()
            cookie = Cookie(now_us, self._new_tag(), new_tsn, self.settle(init), tags.local, tags.peer)
        parameters = [Parameter(ParameterType.STATE_COOKIE, cookie.seal(self._key))]
        left = _MAX_REPORTED_SIZE
        for unknown in init.unrecognized():
            reported = Parameter(ParameterType.UNRECOGNIZED, unknown.to_bytes())
            left -= reported.size
            if left < 0:
                break
            parameters.append(reported)
        return self._init(cookie.local_tag, cookie.local_tsn, tuple(parameters)).to_bytes(ChunkType.INIT_ACK)

    def settle(self, init: Init) -> Peer:
        """What both sides can, from the peer's INIT or INIT ACK."""
        extensions = init.extensions
        has_forward_tsn = init.parameter(ParameterType.FORWARD_TSN_SUPPORTED) is not None
        return Peer(
            tag=init.tag,
            initial_tsn=init.initial_tsn,
            a_rwnd=init.a_rwnd,
            outbound_streams=min(self._outbound_streams, init.inbound_streams),
            inbound_streams=min(self._inbound_streams, init.outbound_streams),
            interleaving=self._interleaving and ChunkType.I_DATA in extensions,
            partial_reliability=has_forward_tsn or ChunkType.FORWARD_TSN in extensions,
            reconfiguration=ChunkType.RE_CONFIG in extensions,
        )

    def cookie_of(self, init_ack: Init) -> bytes:
        """The cookie to echo. Raises ParseError when there is none, or it does not fit into a packet."""
        cookie = init_ack.parameter(ParameterType.STATE_COOKIE)
        if cookie is None:
            raise ParseError("SCTP INIT ACK has no state cookie")
        if len(cookie) > _MAX_COOKIE_SIZE:
            raise ParseError(f"SCTP state cookie has {len(cookie)} bytes, expected at most {_MAX_COOKIE_SIZE}")
        return cookie

    def judge(self, data: bytes, packet_tag: int, tags: Tags, now_us: int) -> tuple[CookieOutcome, Cookie]:
        """Decides on a COOKIE ECHO.

        Args:
            data: the cookie.
            packet_tag: the packet's verification tag.
            tags: of what there is: ours is set from our INIT on, the peer's from its INIT ACK on.
            now_us: the time.

        Raises:
            ParseError: the cookie is not ours.
        """
        cookie = Cookie.open(data, self._key)
        if packet_tag != cookie.local_tag:
            return CookieOutcome.DISCARD, cookie
        is_same_local = tags.local == cookie.local_tag
        is_same_peer = tags.peer == cookie.peer.tag
        if is_same_local and is_same_peer:
            return CookieOutcome.CONFIRM, cookie
        if now_us - cookie.created_us > LIFETIME_US:
            return CookieOutcome.STALE, cookie
        if tags.local == 0 or is_same_local:
            return CookieOutcome.ESTABLISH, cookie
        if not is_same_peer and cookie.local_tie_tag == tags.local and cookie.peer_tie_tag == tags.peer and tags.peer:
            return CookieOutcome.RESTART, cookie
        return CookieOutcome.DISCARD, cookie

    def adopt(self, cookie: Cookie) -> None:
        """After a restart our tag and TSN are those that the cookie's INIT ACK gave."""
        self.tag = cookie.local_tag
        self.initial_tsn = cookie.local_tsn

    def _init(self, tag: int, tsn: int, parameters: tuple[Parameter, ...]) -> Init:
        extensions = _EXTENSIONS + (_INTERLEAVING_EXTENSIONS if self._interleaving else b"")
        own = (
            Parameter(ParameterType.FORWARD_TSN_SUPPORTED, b""),
            Parameter(ParameterType.SUPPORTED_EXTENSIONS, extensions),
        )
        return Init(tag, enums.MIN_BUFFER_SIZE, self._outbound_streams, self._inbound_streams, tsn, own + parameters)

    def _new_tag(self) -> int:
        while True:
            tag = self._random_number()
            if tag:
                return tag

    def _random_number(self) -> int:
        """0 to 2^32-1."""
        return int.from_bytes(self._random(4), "big")
