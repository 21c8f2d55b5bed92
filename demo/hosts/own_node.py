"""What this server says of itself to the others of its cluster, each second."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from miso.cluster.directory.directory import Directory
from miso.cluster.facts import AddressUse, NodeFact, WorkerLoad

INTERVAL_S: Final = 1.0


class OwnNode:
    """This server as a node.

    Attributes:
        draining: Whether it takes nobody new: it is about to end.

    Args:
        directory: Where it is said.
        identity: What does not change.
        loads: Gives how busy the workers are.
        counts: Gives how many rooms and participants there are here.
        addresses: Gives which addresses have much here.
    """

    def __init__(
        self,
        directory: Directory,
        identity: NodeFact,
        loads: Callable[[], list[WorkerLoad]],
        counts: Callable[[], tuple[int, int]],
        addresses: Callable[[], list[AddressUse]],
    ) -> None:
        self.draining = False
        self._directory = directory
        self._identity = identity
        self._loads = loads
        self._counts = counts
        self._addresses = addresses
        self._announcing: asyncio.Task[None] | None = None

    @property
    def fact(self) -> NodeFact:
        """What is true of it now, but for addresses."""
        rooms, participants = self._counts()
        return NodeFact(
            node=self._identity.node,
            name=self._identity.name,
            region=self._identity.region,
            version=self._identity.version,
            ip=self._identity.ip,
            url=self._identity.url,
            draining=self.draining,
            rooms=rooms,
            participants=participants,
            workers=self._loads(),
        )

    def start(self) -> None:
        """Begins to say it."""
        self._announce()
        self._announcing = asyncio.create_task(self._announce_on())

    def drain(self) -> None:
        """It takes nobody new from now on, and says so at once."""
        self.draining = True
        self._announce()

    async def close(self) -> None:
        """Says nothing more."""
        if self._announcing is not None:
            self._announcing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._announcing

    async def _announce_on(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            self._announce()

    def _announce(self) -> None:
        self._directory.announce(replace(self.fact, addresses=self._addresses()))
