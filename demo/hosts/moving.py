"""Which other server of the cluster a client is sent to: when this one drains, or is full."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Final

from miso.cluster.placement.hosts import HostChooser, is_web_url, nearness
from miso.cluster.placement.settings import PlacementSettings
from miso.demo.hosts.nodes import Nodes
from miso.demo.hosts.own_node import OwnNode

PASSED: Final = "passedHosts"
"""Field of a client's address with the names of the hosts that have sent it on, comma-separated."""
MAX_PASSED: Final = 8
MAX_SERVERS: Final = 16
"""A client is told of so many servers."""
MAX_REMEMBERED: Final = 256
"""The pages of so many servers are known, also when the servers have gone."""


class Moving:
    """Chooses other servers for clients.

    Args:
        directory: Who is in the cluster.
        own: This server.
        settings: When a server is full.
        chance: Where chance comes from.
        time_s: A monotonic clock, in seconds.
    """

    def __init__(
        self,
        directory: Nodes,
        own: OwnNode,
        settings: PlacementSettings,
        chance: random.Random,
        time_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._own = own
        self._chooser = HostChooser(chance, settings)
        self._time_s = time_s
        self._pages: dict[str, None] = {}

    def told_to(self, query: Mapping[str, str]) -> dict[str, object] | None:
        """What a client is told that goes elsewhere: where, and whom it has been to; None: it may stay.

        Args:
            query: The fields of its address.
        """
        if len(self._directory.nodes) < 2:
            return None
        passed = [name for name in query.get(PASSED, "").split(",") if name][:MAX_PASSED]
        own = self._own.fact
        node = self._chooser.choose(
            self._directory.nodes.values(), own, self._time_s(), hops=len(passed), passed=passed
        )
        return {"url": node.url, PASSED: [*passed, own.name]} if node is not None else None

    @property
    def draining(self) -> bool:
        """Whether this server takes nobody: who cannot be sent elsewhere is refused, and a proxy asks another one."""
        return self._own.draining

    @property
    def servers(self) -> list[str]:
        """Where else browsers find the cluster when this server is gone, those of near regions first."""
        own = self._own.fact
        others = [
            node
            for node in self._directory.nodes.values()
            if node.node != own.node and not node.draining and is_web_url(node.url)
        ]
        others.sort(key=lambda node: (-nearness(node.region, own.region), node.name))
        return list(dict.fromkeys(node.url for node in others))[:MAX_SERVERS]

    def look(self) -> None:
        """Somebody has come to the cluster, or gone."""
        for node in self._directory.nodes.values():
            if is_web_url(node.url):
                self._pages.pop(node.url, None)
                self._pages[node.url] = None
        while len(self._pages) > MAX_REMEMBERED:
            del self._pages[next(iter(self._pages))]

    @property
    def pages(self) -> list[str]:
        """Where the cluster's page is, or was: who got it from a server that has died comes here."""
        self.look()
        return list(self._pages)
