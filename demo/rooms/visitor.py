"""A client that wants to come in: what it says of itself in its address, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from miso.demo.settings import Settings
from miso.protoo import ConnectionRequest
from miso.serving.client_address import client_address


@dataclass(frozen=True, slots=True)
class Visitor:
    """A client that wants to come in.

    Attributes:
        peer_id: What it wants to be called.
        address: Where it comes from, as :class:`~miso.demo.limits.per_address.AddressLimits` knows it.
        query: All fields of its address.
    """

    peer_id: str
    address: str
    query: Mapping[str, str]

    @classmethod
    def of(cls, request: ConnectionRequest, settings: Settings) -> Visitor:
        """Who asks for a connection."""
        host = request.remote_address.rpartition(":")[0]
        forwarded_for = request.headers.get("x-forwarded-for", "")
        query = request.query
        return cls(query.get("peerId", ""), client_address(host, forwarded_for, settings.trusted_proxies), query)

    @property
    def peer_secret(self) -> str:
        """What proves that its id is its own; empty: nothing."""
        return self.query.get("peerSecret", "")

    @property
    def consumer_replicas(self) -> int:
        """How many copies of each consumer it wishes; the reference's page sends "undefined" when it wishes none."""
        try:
            return max(0, int(self.query.get("consumerReplicas", "")))
        except ValueError:
            return 0
