"""Our side of the connections to Redis: many commands at once, and one that waits for news."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeAlias, cast

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from miso.cluster.directory.redis.url import StoreUrl

Command: TypeAlias = tuple[str | bytes | int, ...]
Reply: TypeAlias = Any
"""What Redis gave back, as it came; or the exception that came instead."""

READ_AT_ONCE: Final = 32
"""So many entries of the inbox: each may be as long as what a stranger writes there."""


class _Client(Protocol):
    """What redis-py's clients have in common."""

    def pipeline(self, transaction: bool | None = None) -> Any: ...

    async def execute_command(self, *args: Any, **options: Any) -> Any: ...

    def set_response_callback(self, command: str, callback: Any) -> None: ...

    async def aclose(self) -> None: ...


class RedisConnection:
    """Redis, wherever its address says that it is. It connects when it is first used, and again whenever it has to."""

    def __init__(self, url: StoreUrl, answer_s: float) -> None:
        """Not connected.

        Args:
            url: Where it is.
            answer_s: How long an answer may take.
        """
        self._answer_s = answer_s
        self._wait_s = min(1.0, answer_s)
        self._sentinels: list[Sentinel] = []
        self._commands = self._client(url, answer_s)
        self._reader = self._client(url, answer_s + self._wait_s)

    async def run(self, commands: Sequence[Command]) -> list[Reply]:
        """Runs commands, each of the keys of one slot, in one go: what came back for each, exceptions among it."""
        if not commands:
            return []
        pipeline = self._commands.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        try:
            async with asyncio.timeout(3 * self._answer_s):
                return cast(list[Reply], await pipeline.execute(raise_on_error=False))
        except Exception as error:  # noqa: BLE001  whatever redis-py meets in what a broken server sends it
            return [error] * len(commands)

    async def read(self, stream: str, after: bytes) -> list[tuple[bytes, list[bytes]]]:
        """Waits up to a second for entries of a stream: their ids, with fields and values in turn.

        Raises:
            Exception: As redis-py has it.
        """
        client = self._reader
        options = {}
        if isinstance(client, RedisCluster):
            await client.initialize()  # else it asks Redis each time where the key of this command stands
            options["target_nodes"] = client.get_node_from_key(stream)
        wait_ms = max(1, int(1000 * self._wait_s))
        reply = await client.execute_command(
            "XREAD", "COUNT", READ_AT_ONCE, "BLOCK", wait_ms, "STREAMS", stream, after, **options
        )
        return [(bytes(id_), list(fields or ())) for _, entries in reply or () for id_, fields in entries]

    async def close(self) -> None:
        """Ends all connections."""
        for client in (self._commands, self._reader):
            await client.aclose()
        for sentinel in self._sentinels:
            await sentinel.aclose()

    def _client(self, url: StoreUrl, timeout_s: float) -> _Client:
        common: dict[str, Any] = {
            "username": url.username,
            "password": url.password,
            "socket_timeout": timeout_s,
            "socket_connect_timeout": self._answer_s,
            "retry": Retry(NoBackoff(), 1),  # a connection that was closed meanwhile
            "protocol": 2,  # the same answers from each version
            **self._tls(url),
        }
        client: _Client
        if url.kind == "cluster":
            nodes = [ClusterNode(host, port) for host, port in url.hosts]
            client = cast(_Client, RedisCluster(startup_nodes=nodes, require_full_coverage=False, **common))
        elif url.kind == "sentinel":
            at_sentinel = {name: value for name, value in common.items() if name.startswith(("socket_", "ssl"))}
            at_sentinel |= {
                "protocol": 2,
                "username": url.options.get("sentinel_username"),
                "password": url.options.get("sentinel_password"),
            }
            sentinel = Sentinel(list(url.hosts), sentinel_kwargs=at_sentinel)  # type: ignore[no-untyped-call]
            self._sentinels.append(sentinel)
            client = cast(_Client, sentinel.master_for(url.service, db=url.database, **common))
        elif url.path:
            client = cast(_Client, Redis(unix_socket_path=url.path, db=url.database, **common))
        else:
            host, port = url.hosts[0]
            client = cast(_Client, Redis(host=host, port=port, db=url.database, **common))
        client.set_response_callback("XREAD", lambda reply, **_: reply)
        return client

    def _tls(self, url: StoreUrl) -> dict[str, Any]:
        if not url.tls:
            return {}
        files = {name: value for name, value in url.options.items() if name.startswith("ssl_")}
        check = files.pop("ssl_check_hostname", "true") == "true"
        return {"ssl": True, "ssl_check_hostname": check, **files}
