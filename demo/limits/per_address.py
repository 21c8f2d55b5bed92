"""How much one address may have of the server, and how fast it may get it.

An address is an IPv4 address or an IPv6 /64, the least that a customer of a provider has. Many people may be behind
one: the limits are for programs that go wrong or mean harm, and every one of them is a setting.
"""

from __future__ import annotations

import ipaddress
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from miso.demo.limits.per_client import TOO_MANY, Allowance
from miso.demo.metrics import Metrics
from miso.demo.settings import Settings
from miso.protoo import RequestError

logger = logging.getLogger(__name__)

Kind = Literal["sockets", "connections", "joins", "rooms", "transports"]
"""What an address may have so much of."""

BURST_SHARE: Final = 6
"""A sixth of a minute's allowance may be used in one go."""
FORGET_S: Final = 60.0
"""Who was silent for so long has its whole allowance again, and is forgotten."""
MAX_QUIET: Final = 65_536
"""Addresses that are remembered without having anything: beyond it the one that was silent longest is forgotten."""

_LOG_INTERVAL_S = 1.0
_UNLIMITED = 0
_IPV6_CUSTOMER_BITS = 64


@dataclass(frozen=True, slots=True)
class _Limit:
    """At once, and per minute; 0: as much as it likes."""

    at_once: int
    per_minute: int


class _Address:
    """What one address has and what it may still get."""

    __slots__ = ("allowances", "held", "used_s")

    def __init__(self) -> None:
        self.held: dict[Kind, int] = {}
        self.allowances: dict[Kind, Allowance] = {}
        self.used_s = 0.0


class AddressLimits:
    """Counts for each address what it has, and refuses more; who has nothing and is silent is forgotten.

    Args:
        settings: The limits.
        metrics: Where refusals are counted, as ``KIND_per_address``.
        time_s: The clock.
    """

    def __init__(self, settings: Settings, metrics: Metrics, time_s: Callable[[], float]) -> None:
        self._limits: dict[Kind, _Limit] = {
            "sockets": _Limit(settings.max_sockets_per_address, _UNLIMITED),
            "connections": _Limit(settings.max_connections_per_address, settings.connections_per_minute),
            "joins": _Limit(_UNLIMITED, settings.joins_per_minute),
            "rooms": _Limit(settings.max_rooms_per_address, settings.rooms_per_minute),
            "transports": _Limit(settings.max_transports_per_address, settings.transports_per_minute),
        }
        self._metrics = metrics
        self._time_s = time_s
        self._busy: dict[str, _Address] = {}
        self._quiet: OrderedDict[str, _Address] = OrderedDict()
        self._logged_s = float("-inf")

    def __len__(self) -> int:
        """How many addresses are remembered."""
        return len(self._busy) + len(self._quiet)

    def pass_by(self, kind: Kind, address: str) -> None:
        """For what an address does, and does not keep.

        Raises:
            RequestError: It does it too often.
        """
        self._admit(kind, address)

    def take(self, kind: Kind, address: str) -> Callable[[], None]:
        """For what an address gets and keeps for a while.

        Returns:
            To be called when it is gone; calling it again does nothing.

        Raises:
            RequestError: It has, or had in a short time, too many.
        """
        entry = self._admit(kind, address)
        entry.held[kind] = entry.held.get(kind, 0) + 1
        self._quiet.pop(address, None)
        self._busy[address] = entry
        held = True

        def give_back() -> None:
            nonlocal held
            if held:
                held = False
                self._give_back(kind, address)

        return give_back

    def refused(self, limit: str, whose: str) -> None:
        """Counts a refusal; logs at most one a second."""
        self._metrics.refusals.labels(limit).inc()
        now_s = self._time_s()
        if now_s - self._logged_s >= _LOG_INTERVAL_S:
            self._logged_s = now_s
            logger.warning("%s: the limit of %s is reached (miso_refusals_total counts)", whose, limit)

    def _admit(self, kind: Kind, address: str) -> _Address:
        now_s = self._time_s()
        self._forget(now_s)
        entry = self._busy.get(address) or self._quiet.get(address) or _Address()
        entry.used_s = now_s
        if address not in self._busy:
            self._quiet[address] = entry
            self._quiet.move_to_end(address)
        limit = self._limits[kind]
        if limit.at_once != _UNLIMITED and entry.held.get(kind, 0) >= limit.at_once:
            self.refused(f"{kind}_per_address", f"address={address}")
            raise RequestError(TOO_MANY, f"too many {kind} from this address: {limit.at_once} are allowed")
        if limit.per_minute != _UNLIMITED:
            burst = max(1, limit.per_minute // BURST_SHARE)
            allowance = entry.allowances.setdefault(kind, Allowance(limit.per_minute / 60, burst, now_s))
            if not allowance.take(now_s):
                self.refused(f"{kind}_per_minute", f"address={address}")
                raise RequestError(TOO_MANY, f"too many {kind} from this address in a short time")
        return entry

    def _give_back(self, kind: Kind, address: str) -> None:
        entry = self._busy[address]
        entry.held[kind] -= 1
        if not any(entry.held.values()):
            del self._busy[address]
            entry.used_s = self._time_s()
            self._quiet[address] = entry

    def _forget(self, now_s: float) -> None:
        while self._quiet:
            address = next(iter(self._quiet))
            if len(self._quiet) <= MAX_QUIET and now_s - self._quiet[address].used_s < FORGET_S:
                return
            del self._quiet[address]


def client_address(host: str, forwarded_for: str, trusted: Sequence[str]) -> str:
    """Who a request comes from, for :class:`AddressLimits`.

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


def is_proxy(host: str, trusted: Sequence[str]) -> bool:
    """Whether a connection's other end is one of the trusted proxies: what it does, it does for many."""
    address = _parsed(host)
    return address is not None and _is_in(address, trusted)


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
