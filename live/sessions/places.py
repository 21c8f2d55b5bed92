"""So many of something at once, for each address and in all."""

from __future__ import annotations

from collections.abc import Callable

from miso.live.errors import LimitError
from miso.serving.client_address import client_address

UNLIMITED = 0


class Places:
    """Counts what addresses have, and refuses more. An IPv6 /64 counts as one address: it is one customer's.

    Args:
        what: The things, for errors: ``publishers``.
        most: So many in all; 0: no limit.
        most_per_address: So many of one address; 0: no limit.
    """

    def __init__(self, what: str, most: int, most_per_address: int) -> None:
        self._what = what
        self._most = most
        self._most_per_address = most_per_address
        self._taken = 0
        self._by_address: dict[str, int] = {}

    def __len__(self) -> int:
        """How many are taken."""
        return self._taken

    @property
    def addresses(self) -> int:
        """How many addresses have something."""
        return len(self._by_address)

    def take(self, address: str) -> Callable[[], None]:
        """One more for an address.

        Args:
            address: An IP address, or any other text that stands for one.

        Returns:
            To be called when it is gone; calling it again does nothing.

        Raises:
            LimitError: There are too many.
        """
        customer = customer_of(address)
        has = self._by_address.get(customer, 0)
        if self._most_per_address != UNLIMITED and has >= self._most_per_address:
            raise LimitError(f"too many {self._what} from this address: {self._most_per_address} are allowed")
        if self._most != UNLIMITED and self._taken >= self._most:
            raise LimitError(f"too many {self._what}: {self._most} are allowed")
        self._taken += 1
        self._by_address[customer] = has + 1
        held = True

        def give_back() -> None:
            nonlocal held
            if held:
                held = False
                self._give_back(customer)

        return give_back

    def _give_back(self, customer: str) -> None:
        self._taken -= 1
        self._by_address[customer] -= 1
        if not self._by_address[customer]:
            del self._by_address[customer]


def customer_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or an IPv6 /64, the least that a customer of a provider has."""
    known = client_address(address, "", [])
    return address if known == "unknown" else known
