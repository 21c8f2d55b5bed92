"""An onlooker sees the same behind Sentinel and in a Cluster, and leaves nothing behind."""

from __future__ import annotations

from miso.cluster.directory.redis.connection import RedisConnection
from miso.cluster.directory.redis.onlooker import Live, Onlooker
from miso.cluster.directory.redis.times import DEFAULT_TIMES
from miso.cluster.directory.redis.url import parse_url
from tests.cluster.directory.redis.redis_server import RedisServer
from tests.cluster.directory.redis.test_topologies import cluster, sentinel

__all__ = ["cluster", "sentinel"]


async def sees_all(url: str) -> None:
    connection = RedisConnection(parse_url(url), DEFAULT_TIMES.answer_s)
    onlooker = Onlooker(connection)
    assert await onlooker.answers() is None
    server, memory = await onlooker.info("server"), await onlooker.info("memory")
    assert isinstance(server, dict)
    assert "redis_version" in server
    assert isinstance(memory, dict)
    assert "maxmemory_policy" in memory
    assert isinstance(await onlooker.time_ms(), float)
    assert await onlooker.try_all() is None
    assert await onlooker.live(4) == Live([], [])
    await connection.close()


async def test_in_a_cluster(cluster: list[RedisServer]) -> None:
    await sees_all(f"redis+cluster://127.0.0.1:{cluster[0].port}")
    assert [await server.keys() for server in cluster] == [[], [], []]


async def test_behind_sentinel(sentinel: tuple[RedisServer, RedisServer, RedisServer]) -> None:
    watcher = sentinel[-1]
    await sees_all(f"redis+sentinel://127.0.0.1:{watcher.port}/main")
