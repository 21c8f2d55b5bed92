"""Where the tests that all directories pass take place: nodes, a store, and what can happen to them."""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

from miso.cluster.directory.directory import Directory
from miso.cluster.directory.memory import MemoryDirectory, MemoryStore
from miso.cluster.directory.node_id import new_node_id
from miso.cluster.errors import ClusterError


class World(Protocol):
    """Some nodes with one store."""

    async def node(self, name: str) -> Directory:
        """Starts a node."""

    async def crash(self, directory: Directory) -> None:
        """Ends a node without a goodbye."""

    async def cut(self, directory: Directory) -> None:
        """Breaks a node's network, for longer than its lease."""

    async def heal(self, directory: Directory) -> None:
        """Mends it."""

    async def store_goes(self) -> None:
        """The store answers nobody, for longer than a lease."""

    async def store_returns(self) -> None:
        """It does again, with what it had."""

    async def close(self) -> None:
        """Ends everything."""


class MemoryWorld:
    """Nodes that share a store in memory."""

    def __init__(self) -> None:
        self._store = MemoryStore()
        self._directories: list[MemoryDirectory] = []

    async def node(self, name: str) -> MemoryDirectory:
        directory = MemoryDirectory(new_node_id(name), self._store)
        await directory.start()
        self._directories.append(directory)
        return directory

    async def crash(self, directory: Directory) -> None:
        self._store.crash(directory.node)
        self._store.end_lease(directory.node)

    async def cut(self, directory: Directory) -> None:
        self._store.cut(directory.node)
        self._store.end_lease(directory.node)

    async def heal(self, directory: Directory) -> None:
        self._store.heal(directory.node)

    async def store_goes(self) -> None:
        for directory in self._directories:
            self._store.cut(directory.node)

    async def store_returns(self) -> None:
        for directory in self._directories:
            self._store.heal(directory.node)

    async def close(self) -> None:
        for directory in self._directories:
            with suppress(ClusterError):
                await directory.close()
        assert self._store.rooms == {}
        assert self._store.nodes() == {}
