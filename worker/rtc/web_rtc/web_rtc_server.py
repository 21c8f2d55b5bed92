"""Sockets that many WebRtcTransports share: who a datagram is for is told by ICE username fragment, then by address."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterator
from typing import Protocol

from miso.worker.channel import commands
from miso.worker.channel.bodies.router import WebRtcTransportOptions
from miso.worker.channel.bodies.transport import IceCandidate
from miso.worker.channel.bodies.web_rtc_server import (
    CreateWebRtcServerRequest,
    SocketDump,
    TupleHashDump,
    UsernameFragmentDump,
    WebRtcServerDump,
)
from miso.worker.channel.commands import handles
from miso.worker.errors import BodyError, CommandError
from miso.worker.faults import attempt
from miso.worker.ice.candidates import LocalEndpoint
from miso.worker.ice.server import IceTuple
from miso.worker.ice.stun import StunMessage
from miso.worker.rtc.closing import do_for_each, finish
from miso.worker.rtc.context import Context
from miso.worker.rtc.log_rate_limit import LogRateLimit
from miso.worker.rtc.web_rtc.ice_sockets import IceSockets
from miso.worker.rtc.web_rtc.offered_candidates import offered_candidates, wanted_protocols

logger = logging.getLogger(__name__)


class ServedTransport(Protocol):
    """A transport on the server's sockets, by its ICE.

    Attributes:
        id: Of the transport.
    """

    id: str

    def on_stun_message(self, fragment: str, message: StunMessage, tuple_: IceTuple, now_us: int) -> None:
        """A message for one of its username fragments."""

    def on_tuple_gone(self, tuple_: IceTuple) -> None:
        """The TCP connection of its tuple has ended."""

    def on_tuple_taken(self, tuple_: IceTuple) -> None:
        """Its tuple belongs to another transport of the server now."""

    def holds(self, tuple_: IceTuple, now_us: int) -> bool:
        """Whether its valid tuple stays its own though somebody proves to another transport that it is his."""

    def on_server_closed(self) -> None:
        """The sockets are about to be closed: so is the transport."""


class WebRtcServer:
    """A group of UDP sockets and TCP listeners.

    Attributes:
        id: As the controller named it.
        sockets: Over which its transports do ICE.
        endpoints: What it listens on, in the order of the request.
    """

    def __init__(self, context: Context, server_id: str, body: CreateWebRtcServerRequest) -> None:
        """Opens all sockets, or none.

        Raises:
            BodyError: A wrong IP.
            CommandError: The id or a port is taken.
        """
        self.id = server_id
        self.sockets = IceSockets(context, self)
        self.endpoints: list[LocalEndpoint] = []
        self._closing: Iterator[None] | None = None
        self._context = context
        self._transports: dict[str, ServedTransport] = {}
        self._by_fragment: dict[str, ServedTransport] = {}
        self._by_tuple: dict[IceTuple, ServedTransport] = {}
        self._candidates: dict[tuple[bool, ...], list[IceCandidate]] = {}  # by the options that choose them
        self._refused = LogRateLimit()  # checks for an address that is another transport's
        context.registry.add(self, self.id, None)
        try:
            for info in body.listen_infos:
                self.endpoints.append(self.sockets.open(info.protocol, info.ip, info.port or None, info.announced_ip))
        except (BodyError, CommandError):
            self.close()
            raise

    @handles(commands.WEB_RTC_SERVER_DUMP)
    def dump(self) -> WebRtcServerDump:
        """Its sockets, and whom it serves."""
        sockets = {
            protocol: [
                SocketDump(ip=endpoint.ip, port=endpoint.port)
                for endpoint in self.endpoints
                if endpoint.protocol == protocol
            ]
            for protocol in ("udp", "tcp")
        }
        return WebRtcServerDump(
            id=self.id,
            udp_sockets=sockets["udp"],
            tcp_servers=sockets["tcp"],
            web_rtc_transport_ids=list(self._transports),
            local_ice_username_fragments=[
                UsernameFragmentDump(local_ice_username_fragment=fragment, web_rtc_transport_id=transport.id)
                for fragment, transport in self._by_fragment.items()
            ],
            tuple_hashes=[
                TupleHashDump(tuple_hash=_tuple_hash(tuple_), web_rtc_transport_id=transport.id)
                for tuple_, transport in self._by_tuple.items()
            ],
        )

    def closing(self) -> Iterator[None]:
        """Closes the transports, which say goodbye, then the sockets, in steps; at each call those that are left."""
        if self._closing is None:
            self._closing = self._close()
        return self._closing

    def close(self) -> None:
        """All steps of ``closing``; idempotent."""
        finish(self.closing())

    def _close(self) -> Iterator[None]:
        yield from do_for_each(self._transports.values(), lambda transport: transport.on_server_closed(), at_once=1)
        self.sockets.close()
        self._context.registry.remove(self.id, None)

    # ------------------------------------------------------------ for its transports

    def add_transport(self, transport: ServedTransport, username_fragment: str) -> None:
        """The transport uses this server from now on."""
        self._transports[transport.id] = transport
        self._by_fragment[username_fragment] = transport

    def candidates_for(self, options: WebRtcTransportOptions) -> list[IceCandidate]:
        """What a transport's peer is offered, the same for all with such options.

        Raises:
            BodyError: None of the sockets is wanted.
        """
        key = (options.enable_udp, options.enable_tcp, options.prefer_udp, options.prefer_tcp)
        candidates = self._candidates.get(key)
        if candidates is None:
            wanted = wanted_protocols(options)
            groups = [[endpoint] if endpoint.protocol in wanted else [] for endpoint in self.endpoints]
            if not any(groups):
                raise BodyError("empty iceCandidates")
            candidates = self._candidates[key] = offered_candidates(groups, options)
        return candidates

    def remove_transport(self, transport: ServedTransport) -> None:
        """The transport has closed; it has given back its fragments and tuples."""
        self._transports.pop(transport.id, None)

    def add_username_fragment(self, fragment: str, transport: ServedTransport) -> None:
        """Messages for the fragment are the transport's."""
        self._by_fragment[fragment] = transport

    def remove_username_fragment(self, fragment: str) -> None:
        """Messages for the fragment are nobody's."""
        self._by_fragment.pop(fragment, None)

    def add_tuple(self, tuple_: IceTuple, transport: ServedTransport) -> None:
        """The peer behind the tuple is the transport's; it is that of one transport only."""
        former = self._by_tuple.get(tuple_)
        self._by_tuple[tuple_] = transport
        if former is not None and former is not transport:
            attempt(former, former.on_tuple_taken, tuple_)

    def remove_tuple(self, tuple_: IceTuple, transport: ServedTransport) -> bool:
        """Forgets the tuple if it still is the transport's; False when it has become another's."""
        if self._by_tuple.get(tuple_) is not transport:
            return False
        del self._by_tuple[tuple_]
        return True

    # ------------------------------------------------------------ for the sockets

    def knows_username_fragment(self, fragment: str) -> bool:
        """Whether one of the transports has it."""
        return fragment in self._by_fragment

    def on_stun_message(self, fragment: str, message: StunMessage, tuple_: IceTuple, now_us: int) -> None:
        """Passes it on to the transport that has the fragment, unless the tuple belongs to the living peer of another.

        Whoever sent it then gets no answer: the source address may be forged, the answer would go to the other peer. A
        client that has the address now (it was reloaded, or a NAT gave it to the next one) asks again by itself.
        """
        transport = self._by_fragment[fragment]
        owner = self._by_tuple.get(tuple_)
        if owner is not None and owner is not transport and owner.holds(tuple_, now_us):
            self._count_refusal(tuple_, owner, transport, now_us)
            return
        attempt(transport, transport.on_stun_message, fragment, message, tuple_, now_us)

    def on_tuple_gone(self, tuple_: IceTuple) -> None:
        """The TCP connection ended."""
        transport = self._by_tuple.get(tuple_)
        if transport is not None:
            transport.on_tuple_gone(tuple_)

    def _count_refusal(self, tuple_: IceTuple, owner: ServedTransport, claimant: ServedTransport, now_us: int) -> None:
        if self._refused.is_due(now_us):
            logger.warning(
                "%d checks refused webRtcServer=%s: remote=%s belongs to transport=%s, the last was for transport=%s",
                self._refused.count,
                self.id,
                tuple_.remote_address,
                owner.id,
                claimant.id,
            )


def _tuple_hash(tuple_: IceTuple) -> int:
    """A number that names the remote end: port, IP (folded to 32 bits), family and protocol."""
    ip, port = tuple_.remote_address
    address = ipaddress.ip_address(ip)
    number = int(address)
    folded = (number ^ number >> 32 ^ number >> 64 ^ number >> 96) & 0xFFFFFFFF
    return port << 48 | folded << 16 | (2 if address.version == 6 else 0) | (1 if tuple_.protocol == "tcp" else 0)
