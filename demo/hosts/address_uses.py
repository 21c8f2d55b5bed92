"""What one address has on all hosts of the cluster together, without telling any of them which address it is.

Each host says of itself, each second, which addresses have much there. An address is told as a hash with a key: with
that of the password of Redis who only reads what Redis holds cannot find it out by trying all addresses.
"""

from __future__ import annotations

import hmac
import ipaddress
from typing import Final

from miso.cluster.facts import AddressUse, NodeFact
from miso.demo.hosts.nodes import Nodes
from miso.demo.limits.per_address import AddressLimits, Kind

SHARE: Final = 32
"""An address that has less on a host than such a part of what it may have is not told of."""
MOST: Final = 256
"""So many addresses of a host are told, those that have most."""
COUNTED: Final[tuple[Kind, ...]] = ("connections", "rooms")
"""What counts over all hosts. The rest is of one host: its sockets and ports, and how fast one may come to it."""
_CONTEXT: Final = b"miso address "
_HASH_CHARACTERS: Final = 32


class AddressUses:
    """The other hosts' counts of addresses, and this one's for them.

    Args:
        directory: Who is in the cluster.
        key: With which addresses are hashed; the same on all hosts.
    """

    def __init__(self, directory: Nodes, key: bytes) -> None:
        self._directory = directory
        self._key = key
        self._known: dict[str, tuple[NodeFact, dict[str, AddressUse]]] = {}
        """By node: what it said last, and what of it is of addresses."""

    def elsewhere(self, kind: Kind, address: str) -> int:
        """How many of a kind an address has on the other hosts, as far as they tell; 0 while the store is away.

        Those that drain are not counted: their people are about to be elsewhere.
        """
        if kind not in COUNTED or len(self._directory.nodes) < 2 or self._directory.is_away or not _is_one(address):
            return 0
        hashed = self._hash(address)
        count = 0
        for node, fact in self._directory.nodes.items():
            if node != self._directory.node and not fact.draining:
                use = self._uses_of(node, fact).get(hashed)
                if use is not None:
                    count += use.peers if kind == "connections" else use.rooms
        return count

    def own(self, limits: AddressLimits) -> list[AddressUse]:
        """What is told of this host."""
        uses = [
            AddressUse(address=self._hash(address), peers=held.get("connections", 0), rooms=held.get("rooms", 0))
            for address, held in limits.much_held(COUNTED, SHARE)
            if _is_one(address)
        ]
        return sorted(uses, key=lambda use: (-use.peers - use.rooms, use.address))[:MOST]

    def _uses_of(self, node: str, fact: NodeFact) -> dict[str, AddressUse]:
        known = self._known.get(node)
        if known is None or known[0] is not fact:
            if len(self._known) > len(self._directory.nodes):
                self._known.clear()
            known = self._known[node] = fact, {use.address: use for use in fact.addresses}
        return known[1]

    def _hash(self, address: str) -> str:
        return hmac.new(self._key, _CONTEXT + address.encode(), "sha256").hexdigest()[:_HASH_CHARACTERS]


def _is_one(address: str) -> bool:
    """Whether it is the same client's at all hosts: not what each has of its own, such as 127.0.0.1."""
    try:
        return not ipaddress.ip_network(address).is_loopback
    except ValueError:
        return False
