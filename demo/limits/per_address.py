"""How much one address may have of the server, and how fast it may get it.

An address is an IPv4 address or an IPv6 /64, the least that a customer of a provider has. Many people may be behind
one: the limits are for programs that go wrong or mean harm, and every one of them is a setting.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from miso.demo.limits.limiters import TokenBucket
from miso.demo.limits.per_client import TOO_MANY
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
        self.allowances: dict[Kind, TokenBucket] = {}
        self.used_s = 0.0


class AddressLimits:
    """Counts for each address what it has, and refuses more; who has nothing and is silent is forgotten.

    Args:
        settings: The limits.
        metrics: Where refusals are counted, as ``KIND_per_address``.
        time_s: The clock.
        elsewhere: How many of a kind an address has on other servers of the cluster.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        time_s: Callable[[], float],
        elsewhere: Callable[[Kind, str], int] = lambda kind, address: 0,
    ) -> None:
        self._limits: dict[Kind, _Limit] = {
            "sockets": _Limit(settings.max_sockets_per_address, _UNLIMITED),
            "connections": _Limit(settings.max_connections_per_address, settings.connections_per_minute),
            "joins": _Limit(_UNLIMITED, settings.joins_per_minute),
            "rooms": _Limit(settings.max_rooms_per_address, settings.rooms_per_minute),
            "transports": _Limit(settings.max_transports_per_address, settings.transports_per_minute),
        }
        self._metrics = metrics
        self._time_s = time_s
        self._elsewhere = elsewhere
        self._busy: dict[str, _Address] = {}
        self._quiet: OrderedDict[str, _Address] = OrderedDict()
        self._logged_s = float("-inf")

    def __len__(self) -> int:
        """How many addresses are remembered."""
        return len(self._busy) + len(self._quiet)

    def much_held(self, kinds: Sequence[Kind], share: int) -> Iterator[tuple[str, Mapping[Kind, int]]]:
        """Who has of one of those kinds at least so many-th a part of what it may have, and what it has."""
        least = {kind: max(1, self._limits[kind].at_once // share) for kind in kinds if self._limits[kind].at_once}
        for address, entry in self._busy.items():
            if any(entry.held.get(kind, 0) >= count for kind, count in least.items()):
                yield address, entry.held

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
        if limit.at_once != _UNLIMITED and self._held(entry, kind, address) >= limit.at_once:
            self.refused(f"{kind}_per_address", f"address={address}")
            raise RequestError(TOO_MANY, f"too many {kind} from this address: {limit.at_once} are allowed")
        if limit.per_minute != _UNLIMITED:
            burst = max(1, limit.per_minute // BURST_SHARE)
            allowance = entry.allowances.setdefault(kind, TokenBucket(limit.per_minute / 60, burst, now_s))
            if not allowance.take(now_s):
                self.refused(f"{kind}_per_minute", f"address={address}")
                raise RequestError(TOO_MANY, f"too many {kind} from this address in a short time")
        return entry

    def _held(self, entry: _Address, kind: Kind, address: str) -> int:
        return entry.held.get(kind, 0) + self._elsewhere(kind, address)

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
