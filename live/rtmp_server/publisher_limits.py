"""What a publisher may send: by itself, and together with the other publishers of its address."""

from __future__ import annotations

from typing import NamedTuple

from miso.live.rtmp_server.bitrate_limit import BURST_S, BitrateLimit
from miso.live.sessions.places import customer_of


class TooFast(NamedTuple):
    """More has come than may.

    Attributes:
        pause_s: For so many seconds nothing should be read.
        limit: What is exceeded, for the log.
    """

    pause_s: float
    limit: str


class _Shared:
    """The limit of one address, and how many publishers share it."""

    def __init__(self, limit: BitrateLimit) -> None:
        self.limit = limit
        self.publishers = 0


class AddressLimits:
    """One limit for each address that publishes. An IPv6 /64 counts as one address: it is one customer's.

    The limit of an address whose last publisher has gone stays until what was sent is paid for: coming back does not
    help.

    Args:
        bitrate_kbps: What all publishers of one address may send together; 0: no limit.
    """

    def __init__(self, bitrate_kbps: int) -> None:
        self._bitrate_kbps = bitrate_kbps
        self._limits: dict[str, _Shared] = {}
        self._left_s: dict[str, float] = {}  # when the last publisher of an address has left

    def __len__(self) -> int:
        """How many addresses have a limit of their own now."""
        return len(self._limits)

    def take(self, address: str, publisher_kbps: int, now_s: float) -> PublisherLimits:
        """One more publisher.

        Args:
            address: An IP address.
            publisher_kbps: What it may send by itself; 0: no limit.
            now_s: The time.
        """
        self._forget(now_s)
        customer = customer_of(address)
        self._left_s.pop(customer, None)
        shared = self._limits.get(customer)
        if shared is None:
            shared = self._limits[customer] = _Shared(BitrateLimit(self._bitrate_kbps * 1000, now_s))
        shared.publishers += 1
        own = (BitrateLimit(publisher_kbps * 1000, now_s), f"more than {publisher_kbps} kbit/s")
        all_of_it = (shared.limit, f"more than {self._bitrate_kbps} kbit/s from its address")
        return PublisherLimits(own, all_of_it, self, customer)

    def give_back(self, customer: str, now_s: float) -> None:
        """A publisher of that customer has gone."""
        shared = self._limits[customer]
        shared.publishers -= 1
        if not shared.publishers:
            self._left_s[customer] = now_s

    def _forget(self, now_s: float) -> None:
        """Lets go of those who would have the same if they began anew."""
        for customer, left_s in list(self._left_s.items()):
            shared = self._limits[customer]
            if now_s - left_s >= BURST_S + shared.limit.count(0, left_s):
                del self._limits[customer], self._left_s[customer]


class PublisherLimits:
    """The limits of one publisher.

    Args:
        own, shared: A limit, and what it says to exceed it.
        addresses: Where the shared one is given back.
        customer: Whose it is.
    """

    def __init__(
        self, own: tuple[BitrateLimit, str], shared: tuple[BitrateLimit, str], addresses: AddressLimits, customer: str
    ) -> None:
        self._own = own
        self._shared = shared
        self._addresses: AddressLimits | None = addresses
        self._customer = customer

    def count(self, size_bytes: int, now_s: float) -> TooFast | None:
        """Something has come.

        Args:
            size_bytes: So much.
            now_s: The time.

        Returns:
            What to do about it; mostly None.
        """
        worst = max(TooFast(limit.count(size_bytes, now_s), what) for limit, what in (self._own, self._shared))
        return worst if worst.pause_s else None

    def give_back(self, now_s: float) -> None:
        """The publisher has gone. Idempotent."""
        addresses, self._addresses = self._addresses, None
        if addresses is not None:
            addresses.give_back(self._customer, now_s)
