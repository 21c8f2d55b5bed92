"""The objects of one kind on a transport: producers, consumers, data producers or data consumers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, TypeVar

from miso.worker.errors import CommandError
from miso.worker.faults import attempt
from miso.worker.rtc.context import Registry
from miso.worker.rtc.router_tables import find


class Member(Protocol):
    """What lives on a transport."""

    id: str

    def close(self) -> None:
        """Leaves the transport; idempotent."""


T = TypeVar("T", bound=Member)


class Members(Mapping[str, T]):
    """By id, in the order in which they came; each is known to its router and to commands, too."""

    def __init__(self, registry: Registry, transport_id: str, of_router: dict[str, T], kind: str) -> None:
        """Empty.

        Args:
            registry: How commands find objects.
            transport_id: Their parent.
            of_router: Those of the same kind on all transports of the router.
            kind: ``Producer``, ``Consumer``, ``DataProducer`` or ``DataConsumer``.
        """
        self._registry = registry
        self._transport_id = transport_id
        self._of_router = of_router
        self._kind = kind
        self._members: dict[str, T] = {}

    def __getitem__(self, member_id: str) -> T:
        return self._members[member_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def check_new(self, member_id: str) -> None:
        """Raises ``CommandError`` when the router has one of this id."""
        if member_id in self._of_router:
            name = f"{self._kind[0].lower()}{self._kind[1:]}Id"
            raise CommandError(f"a {self._kind} with same {name} already exists")

    def add(self, member: T) -> None:
        """Raises ``CommandError`` when an object of another kind has its id."""
        self._registry.add(member, member.id, self._transport_id)
        self._members[member.id] = self._of_router[member.id] = member

    def forget(self, member: T) -> None:
        """It has closed."""
        del self._members[member.id]
        del self._of_router[member.id]
        self._registry.remove(member.id, self._transport_id)

    def close(self, member_id: str) -> None:
        """Raises ``CommandError`` when there is none of this id."""
        find(self._members, member_id, f"{self._kind} not found").close()

    def close_all(self) -> None:
        """A fault in one costs this one."""
        for member in list(self._members.values()):
            attempt(member, member.close)
