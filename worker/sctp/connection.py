# cython: language_level=3, annotation_typing=False
"""What there is of an association once the peer is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from worker.sctp.cookie import Peer
from worker.sctp.inbound import Inbound
from worker.sctp.outbound import Outbound
from worker.sctp.reconfig import Reconfiguration


class Phase(IntEnum):
    """RFC 9260 section 4."""

    CLOSED = 0
    COOKIE_WAIT = 1
    COOKIE_ECHOED = 2
    ESTABLISHED = 3
    SHUTDOWN_PENDING = 4
    SHUTDOWN_SENT = 5
    SHUTDOWN_RECEIVED = 6
    SHUTDOWN_ACK_SENT = 7


@dataclass(frozen=True, slots=True)
class Settings:
    """What an association is made with; ``Association`` explains it."""

    local_port: int
    remote_port: int
    max_message_size: int
    outbound_streams: int
    inbound_streams: int
    is_data_channel: bool
    random: Callable[[int], bytes]
    interleaving: bool


class Connection:
    """Both halves, and the reconfiguration between them.

    Attributes:
        peer: what the handshake settled.
        inbound: what the peer sends.
        outbound: what we send.
        reconfiguration: stream resets.
    """

    def __init__(self, peer: Peer, local_tsn: int, settings: Settings) -> None:
        self.peer = peer
        self.inbound = Inbound(peer.initial_tsn, peer.inbound_streams, settings.max_message_size, peer.interleaving)
        self.outbound = Outbound(local_tsn, peer.a_rwnd, peer.interleaving)
        self.reconfiguration = Reconfiguration(
            self.inbound,
            self.outbound,
            local_tsn=local_tsn,
            peer_tsn=peer.initial_tsn,
            outbound_streams=peer.outbound_streams,
            max_inbound_streams=settings.inbound_streams,
            echoes_resets=settings.is_data_channel,
        )
