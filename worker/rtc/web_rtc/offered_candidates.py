"""The candidates that a peer is offered: those of the sockets that the transport's options choose."""

from __future__ import annotations

from collections.abc import Iterable

from miso.worker.channel.bodies.router import WebRtcTransportOptions
from miso.worker.channel.bodies.transport import IceCandidate
from miso.worker.ice.candidates import IceProtocol, LocalEndpoint, make_candidates


def wanted_protocols(options: WebRtcTransportOptions) -> list[IceProtocol]:
    """Over which the peer may come."""
    wanted: list[IceProtocol] = []
    if options.enable_udp:
        wanted.append("udp")
    if options.enable_tcp:
        wanted.append("tcp")
    return wanted


def offered_candidates(
    groups: Iterable[Iterable[LocalEndpoint]], options: WebRtcTransportOptions
) -> list[IceCandidate]:
    """As the API shows them; ``groups`` as in ``make_candidates``."""
    return [
        IceCandidate(
            foundation=candidate.foundation,
            priority=candidate.priority,
            ip=candidate.ip,
            protocol=candidate.protocol,
            port=candidate.port,
            type="host",
            tcp_type="passive" if candidate.protocol == "tcp" else None,
        )
        for candidate in make_candidates(groups, prefer_udp=options.prefer_udp, prefer_tcp=options.prefer_tcp)
    ]
