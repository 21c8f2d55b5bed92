"""Bodies of ``webRtcServer.*`` and its creation."""

from __future__ import annotations

from typing import Annotated

import msgspec

from .base import Body, ObjectId, Protocol, UInt16


class ListenInfo(Body, frozen=True, kw_only=True):
    """A socket of a WebRtcServer; without a port (or 0) one of the worker's range."""

    protocol: Protocol
    ip: str
    announced_ip: str | None = None
    port: UInt16 | None = None


class CreateWebRtcServerRequest(Body, frozen=True, kw_only=True):
    """A server of 1 to 8 sockets that many WebRtcTransports share."""

    web_rtc_server_id: ObjectId
    listen_infos: Annotated[list[ListenInfo], msgspec.Meta(min_length=1, max_length=8)]


class SocketDump(Body, frozen=True, kw_only=True):
    """A bound socket."""

    ip: str
    port: int


class UsernameFragmentDump(Body, frozen=True, kw_only=True):
    """Which transport a local ICE username fragment belongs to."""

    local_ice_username_fragment: str
    web_rtc_transport_id: str


class TupleHashDump(Body, frozen=True, kw_only=True):
    """Which transport a remote address belongs to; the hash is a number that names the tuple."""

    tuple_hash: int
    web_rtc_transport_id: str


class WebRtcServerDump(Body, frozen=True, kw_only=True):
    """A WebRtcServer and whom it serves."""

    id: str
    udp_sockets: list[SocketDump]
    tcp_servers: list[SocketDump]
    web_rtc_transport_ids: list[str]
    local_ice_username_fragments: list[UsernameFragmentDump]
    tuple_hashes: list[TupleHashDump]
