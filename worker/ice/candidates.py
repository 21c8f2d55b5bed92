"""The host candidates that an ICE-lite agent offers for its sockets (RFC 8445 section 5.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

IceProtocol = Literal["udp", "tcp"]

_TYPE_PREFERENCE = 64
_LOCAL_PREFERENCE = 10_000
_LOCAL_PREFERENCE_STEP = 100
_PREFERRED_BONUS = 1_000
_COMPONENT = 1  # RTP and RTCP share one component


@dataclass(frozen=True, slots=True)
class LocalEndpoint:
    """A socket that takes part in ICE: where it listens, and the address to tell the peer instead, "" for none."""

    protocol: IceProtocol
    ip: str
    port: int
    announced_ip: str = ""


@dataclass(frozen=True, slots=True)
class IceCandidate:
    """A host candidate; over TCP it is passive (RFC 6544 section 4.5)."""

    foundation: str
    priority: int
    ip: str
    protocol: IceProtocol
    port: int


def candidate_priority(local_preference: int) -> int:
    """``2^24 * type preference + 2^8 * local preference + (256 - component)`` (RFC 8445 section 5.1.2.1)."""
    return (_TYPE_PREFERENCE << 24) + (local_preference << 8) + 256 - _COMPONENT


def make_candidates(
    listened: Iterable[Iterable[LocalEndpoint]], *, prefer_udp: bool = False, prefer_tcp: bool = False
) -> list[IceCandidate]:
    """The candidates of groups of endpoints; each later group (listen address) is preferred less.

    Args:
        listened: One group per listen address, in the order of the user's preference. An empty group counts too.
        prefer_udp: UDP before the TCP endpoints of all other groups.
        prefer_tcp: TCP before the UDP endpoints of all other groups.
    """
    preferred = {"udp": prefer_udp, "tcp": prefer_tcp}
    return [
        IceCandidate(
            foundation=f"{endpoint.protocol}candidate",
            priority=candidate_priority(
                _LOCAL_PREFERENCE
                - _LOCAL_PREFERENCE_STEP * index
                + (_PREFERRED_BONUS if preferred[endpoint.protocol] else 0)
            ),
            ip=endpoint.announced_ip or endpoint.ip,
            protocol=endpoint.protocol,
            port=endpoint.port,
        )
        for index, group in enumerate(listened)
        for endpoint in group
    ]
