"""Nodes that share a Redis of the test's own, each through a network that can break."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from miso.cluster.directory.directory import Directory
from miso.cluster.directory.node_id import new_node_id
from miso.cluster.directory.redis.redis_directory import RedisDirectory
from miso.cluster.directory.redis.times import Times
from miso.cluster.directory.redis.url import parse_url
from miso.cluster.errors import ClusterError
from tests.cluster.directory.recorder import until
from tests.cluster.directory.redis.proxy import Proxy
from tests.cluster.directory.redis.redis_server import RedisServer

QUICK = Times(touch_s=0.1, lease_s=1.5, keep_s=20, refresh_s=3, answer_s=1, sync_s=2)
"""Shorter than in use, and long enough for a machine that others load."""


class RedisWorld:
    """Some nodes with one redis-server.

    Attributes:
        server: The redis-server.
        times: Of the nodes.
    """

    def __init__(self, server: RedisServer | None = None, times: Times = QUICK) -> None:
        """Not started.

        Args:
            server: One that is set up in another way.
            times: Of the nodes.
        """
        self.server = server or RedisServer()
        self.times = times
        self._proxies: dict[str, Proxy] = {}
        self._directories: list[RedisDirectory] = []

    async def start(self) -> None:
        await self.server.start()

    async def node(self, name: str) -> RedisDirectory:
        proxy = Proxy(self.server.port)
        await proxy.start()
        directory = RedisDirectory(new_node_id(name), parse_url(f"redis://127.0.0.1:{proxy.port}"), self.times)
        self._proxies[directory.node] = proxy
        await directory.start()
        self._directories.append(directory)
        return directory

    async def keys(self) -> set[str]:
        """What Redis holds for nodes and rooms; whether it knows when it stood still is up to the machine."""
        return {*await self.server.keys()} - {"miso:1:{nodes}:clock", "miso:1:{nodes}:pause"}

    def proxy(self, directory: Directory) -> Proxy:
        """The network of a node."""
        return self._proxies[directory.node]

    async def crash(self, directory: Directory) -> None:
        self._proxies[directory.node].refuse()
        await self._lease_ends(directory)

    async def cut(self, directory: Directory) -> None:
        self._proxies[directory.node].stall()
        await self._lease_ends(directory)

    async def heal(self, directory: Directory) -> None:
        self._proxies[directory.node].flow()

    async def store_goes(self) -> None:
        self.server.freeze()
        await asyncio.sleep(self.times.lease_s)

    async def store_returns(self) -> None:
        self.server.thaw()

    async def close(self) -> None:
        self.server.thaw()
        for proxy in self._proxies.values():
            proxy.flow()
        for directory in reversed(self._directories):  # of two with one name the later one has it
            with suppress(ClusterError):
                await until(lambda directory=directory: not directory.is_away)  # type: ignore[misc]
                await directory.close()
        left = await self.keys()
        assert not left, left
        for proxy in self._proxies.values():
            await proxy.close()
        await self.server.close()

    async def _lease_ends(self, directory: Directory) -> None:
        others = [other for other in self._directories if other is not directory and not other.is_away]
        await until(lambda: all(not other.is_live(directory.node) for other in others))
