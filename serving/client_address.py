"""Who a request comes from, also behind a proxy."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Final

_IPV6_CUSTOMER_BITS = 64
_OF_PROXIES: Final = ("x-forwarded-for", "forwarded", "via")


def client_address(host: str, forwarded_for: str, trusted: Sequence[str]) -> str:
    """Who a request comes from, as :class:`~miso.demo.limits.per_address.AddressLimits` counts it.

    Args:
        host: The IP address of the connection's other end; empty when there is none.
        forwarded_for: The request's ``X-Forwarded-For``: each proxy adds the address before it at the end.
        trusted: Networks whose proxies tell the truth.
    """
    address = _parsed(host)
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    while hops and address is not None and _is_in(address, trusted):
        before = _parsed(hops.pop())
        if before is None:
            break  # a proxy's word that makes no sense: it stands for itself
        address = before
    if address is None:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(address), _IPV6_CUSTOMER_BITS), strict=False))
    return str(address)


def plain_address(host: str) -> str:
    """An IP address as people know it: an IPv4 address that came over an IPv6 socket as itself.

    Args:
        host: The IP address of a connection's other end; empty when there is none.
    """
    return str(_parsed(host) or "unknown")


def is_proxy(host: str, trusted: Sequence[str]) -> bool:
    """Whether a connection's other end is one of the trusted proxies: what it does, it does for many."""
    address = _parsed(host)
    return address is not None and _is_in(address, trusted)


def is_of_this_machine(host: str, address: str, headers: Mapping[str, str], trusted: Sequence[str]) -> bool:
    """Whether a request comes from this machine, and was not passed on by a proxy that we do not know.

    Args:
        host: The IP address of the connection's other end; empty when there is none.
        address: Whom the request comes from, as :func:`client_address` has it.
        headers: The request's; names in lower case, or a mapping that does not mind.
        trusted: Networks whose proxies tell the truth.
    """
    if any(name in headers for name in _OF_PROXIES) and not is_proxy(host, trusted):
        return False
    try:
        return ipaddress.ip_network(address).is_loopback or address == "::/64"
    except ValueError:
        return False


def _is_in(address: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: Sequence[str]) -> bool:
    return any(address in ipaddress.ip_network(network) for network in networks)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address in a text that may have a port, too: ``203.0.113.7:80``, ``[2001:db8::1]:80``."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
