"""A transport's children of one kind: its producers, its consumers, its data producers or its data consumers."""

from __future__ import annotations

from typing import Protocol, TypeVar

from miso.worker.errors import CommandError
from miso.worker.rtc.context import Registry
from miso.worker.rtc.router_tables import find


class Child(Protocol):
    """What lives on a transport."""

    id: str

    def close(self) -> None:
        """Leaves the transport; idempotent."""


T = TypeVar("T", bound=Child)


class Children(dict[str, T]):
    """By id, in the order in which they came; each is known to its router and to commands, too.

    They come and go by ``add`` and ``forget`` alone.
    """

    __slots__ = ("_kind", "_of_router", "_registry", "_transport_id")

    def __init__(self, registry: Registry, transport_id: str, of_router: dict[str, T], kind: str) -> None:
        """Empty.

        Args:
            registry: How commands find objects.
            transport_id: Their parent.
            of_router: Those of the same kind on all transports of the router.
            kind: ``Producer``, ``Consumer``, ``DataProducer`` or ``DataConsumer``.
        """
        super().__init__()
        self._registry = registry
        self._transport_id = transport_id
        self._of_router = of_router
        self._kind = kind

    def check_new(self, child_id: str) -> None:
        """Raises ``CommandError`` when the router has one of this id."""
        if child_id in self._of_router:
            name = f"{self._kind[0].lower()}{self._kind[1:]}Id"
            raise CommandError(f"a {self._kind} with same {name} already exists")

    def add(self, child: T) -> None:
        """Raises ``CommandError`` when an object of another kind has its id."""
        self._registry.add(child, child.id, self._transport_id)
        self[child.id] = self._of_router[child.id] = child

    def forget(self, child: T) -> None:
        """It has closed."""
        del self[child.id]
        del self._of_router[child.id]
        self._registry.remove(child.id, self._transport_id)

    def find(self, child_id: str) -> T:
        """Raises ``CommandError`` when there is none of this id."""
        return find(self, child_id, f"{self._kind} not found")
