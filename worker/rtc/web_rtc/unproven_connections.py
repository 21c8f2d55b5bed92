"""TCP connections over which no good connectivity check has come yet, shared out among who opens them."""

from __future__ import annotations

import ipaddress
from typing import Generic, TypeVar

_SUBNET_BITS = 64  # of an IPv6 address, which a host chooses the rest of (RFC 4291 section 2.5.4)

Connection = TypeVar("Connection")


def network_of(ip: str) -> str:
    """What one host cannot easily have more of: an IPv4 address, or an IPv6 subnet of 64 bits."""
    if ":" not in ip:
        return ip
    address = ipaddress.IPv6Address(ip)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{int(address) >> (128 - _SUBNET_BITS):x}"


class UnprovenConnections(Generic[Connection]):
    """They are told apart by the network that they come from. Who opens many loses some of his own."""

    def __init__(self) -> None:
        self._by_network: dict[str, dict[Connection, int]] = {}  # with the number of its coming, oldest first
        self._networks: dict[Connection, str] = {}
        self._came = 0

    def __len__(self) -> int:
        return len(self._networks)

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._networks

    def add(self, connection: Connection, ip: str) -> None:
        """A connection has come from an IP."""
        self._came += 1
        self._networks[connection] = network = network_of(ip)
        self._by_network.setdefault(network, {})[connection] = self._came

    def remove(self, connection: Connection) -> None:
        """It is proven, or gone; no effect when it was not there."""
        network = self._networks.pop(connection, None)
        if network is None:
            return
        del self._by_network[network][connection]
        if not self._by_network[network]:
            del self._by_network[network]

    def most_expendable(self) -> Connection:
        """The oldest of the network that has most; of networks that have equally many, the oldest of all."""
        crowd = max(self._by_network.values(), key=lambda ends: (len(ends), -next(iter(ends.values()))))
        return next(iter(crowd))

    def take_all(self) -> list[Connection]:
        """All, which are forgotten with that."""
        connections = list(self._networks)
        self._networks.clear()
        self._by_network.clear()
        return connections
