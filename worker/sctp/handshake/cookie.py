"""The state cookie: all that an INIT brought, signed and given to the peer, so that it costs no memory.

RFC 9260 section 5.1.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from struct import Struct
from types import ModuleType
from typing import Self

from miso.worker.errors import ParseError

LIFETIME_US = 60_000_000  # Valid.Cookie.Life

_FIELDS = Struct("!QIIIIIIIHHB")
_SIGNATURE_SIZE = 32  # bytes of HMAC-SHA256

# What the peer can, as bits
_INTERLEAVING = 1
_PARTIAL_RELIABILITY = 2
_RECONFIGURATION = 4


@dataclass(frozen=True, slots=True)
class Peer:
    """What the handshake settled.

    Attributes:
        tag: of packets to the peer.
        initial_tsn: of its first DATA chunk, and its first reconfiguration request.
        a_rwnd: bytes it can take.
        outbound_streams, inbound_streams: what both sides can, from our side.
        interleaving: both know I-DATA (RFC 8260).
        partial_reliability: the peer knows FORWARD-TSN (RFC 3758).
        reconfiguration: the peer knows RE-CONFIG (RFC 6525).
    """

    tag: int
    initial_tsn: int
    a_rwnd: int
    outbound_streams: int
    inbound_streams: int
    interleaving: bool
    partial_reliability: bool
    reconfiguration: bool


@dataclass(frozen=True, slots=True)
class Cookie:
    """What is in the cookie.

    Attributes:
        created_us: the time it was made.
        local_tag, local_tsn: ours, as the INIT ACK said.
        peer: the other side, as its INIT said.
        local_tie_tag, peer_tie_tag: the tags of the association that existed when the INIT came, 0 for none.
    """

    created_us: int
    local_tag: int
    local_tsn: int
    peer: Peer
    local_tie_tag: int = 0
    peer_tie_tag: int = 0

    def seal(self, key: bytes) -> bytes:
        """The bytes for the INIT ACK: the fields and their HMAC-SHA256."""
        peer = self.peer
        features = (
            _INTERLEAVING * peer.interleaving
            | _PARTIAL_RELIABILITY * peer.partial_reliability
            | _RECONFIGURATION * peer.reconfiguration
        )
        fields = _FIELDS.pack(
            self.created_us,
            self.local_tag,
            self.local_tsn,
            peer.tag,
            peer.initial_tsn,
            peer.a_rwnd,
            self.local_tie_tag,
            self.peer_tie_tag,
            peer.outbound_streams,
            peer.inbound_streams,
            features,
        )
        return fields + _sign(key, fields)

    @classmethod
    def open(cls, data: bytes, key: bytes) -> Self:
        """Raises ParseError for bytes that were not sealed with the key."""
        fields = data[: _FIELDS.size]
        if len(data) != _FIELDS.size + _SIGNATURE_SIZE:
            raise ParseError(f"SCTP cookie has {len(data)} bytes, expected {_FIELDS.size + _SIGNATURE_SIZE}")
        if not _hmac().compare_digest(data[_FIELDS.size :], _sign(key, fields)):
            raise ParseError("SCTP cookie is not signed by us")
        created_us, local_tag, local_tsn, tag, tsn, a_rwnd, local_tie, peer_tie, outbound, inbound, features = (
            _FIELDS.unpack(fields)
        )
        peer = Peer(
            tag,
            tsn,
            a_rwnd,
            outbound,
            inbound,
            bool(features & _INTERLEAVING),
            bool(features & _PARTIAL_RELIABILITY),
            bool(features & _RECONFIGURATION),
        )
        return cls(created_us, local_tag, local_tsn, peer, local_tie, peer_tie)


@cache
def _hmac() -> ModuleType:
    """Imported when it is first needed: it loads the system's OpenSSL, 3 MB."""
    import hmac

    return hmac


def _sign(key: bytes, fields: bytes) -> bytes:
    signature: bytes = _hmac().digest(key, fields, "sha256")
    return signature
