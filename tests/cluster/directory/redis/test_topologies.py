"""Redis with Sentinel and as a Cluster, all of it on this machine; and Valkey where it is installed."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator

import pytest

from miso.cluster.directory.redis.redis_directory import RedisDirectory
from miso.cluster.directory.redis.url import parse_url
from miso.cluster.errors import StoreRefusedError
from tests.cluster.directory.recorder import participant, shard, until
from tests.cluster.directory.redis import redis_server
from tests.cluster.directory.redis.pair import Pair, member_of
from tests.cluster.directory.redis.redis_server import RedisServer
from tests.cluster.directory.redis.test_access import one_sees_the_other, refusal
from tests.cluster.directory.redis.world import QUICK
from tests.patience import PATIENCE_S


async def pair_at(url: str) -> Pair:
    members = []
    for number, name in enumerate(("one", "other")):
        directory = RedisDirectory(f"{name}-{number:08x}", parse_url(url), QUICK)
        await directory.start()
        members.append(await member_of(directory))
    pair = Pair(*members)
    for member in members:
        member.entry.put(shard(member, member.directory.node))
    await pair.see_the_same()
    return pair


async def close(pair: Pair) -> None:
    await pair.one.directory.close()
    await pair.other.directory.close()


@pytest.fixture
async def sentinel() -> AsyncIterator[tuple[RedisServer, RedisServer, RedisServer]]:
    """A server, its replica, and a Sentinel that promotes the replica within seconds."""
    primary = RedisServer()
    await primary.start()
    replica = RedisServer("--replicaof", "127.0.0.1", str(primary.port), "--repl-diskless-sync-delay", "0")
    await replica.start()
    watcher = RedisServer(program_arguments=("--sentinel",))
    watcher.write_configuration(
        f"sentinel monitor main 127.0.0.1 {primary.port} 1",
        "sentinel down-after-milliseconds main 500",
        "sentinel failover-timeout main 2000",
    )
    await watcher.start()
    yield primary, replica, watcher
    for server in (watcher, replica, primary):
        await server.close()


async def test_sentinel_leads_to_the_server_and_to_the_one_that_takes_its_place(
    sentinel: tuple[RedisServer, RedisServer, RedisServer],
) -> None:
    primary, replica, watcher = sentinel
    await until_replicated(watcher)
    pair = await pair_at(f"redis+sentinel://127.0.0.1:{watcher.port}/main")
    assert await primary.keys()
    await primary.kill()
    await until(lambda: pair.one.directory.is_away)
    pair.one.entry.put(shard(pair.one, "while it was away"))
    await pair.see_the_same()
    assert pair.nobody_went()
    assert await replica.keys()
    await close(pair)


async def until_replicated(watcher: RedisServer) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await watcher.run("SENTINEL", "REPLICAS", "main"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_service_that_sentinel_does_not_know(sentinel: tuple[RedisServer, RedisServer, RedisServer]) -> None:
    _, _, watcher = sentinel
    directory = RedisDirectory("one-00000001", parse_url(f"redis+sentinel://127.0.0.1:{watcher.port}/wrong"), QUICK)
    await directory.start()
    assert directory.is_away
    await directory.close()


async def test_sentinel_that_is_taken_for_redis(sentinel: tuple[RedisServer, RedisServer, RedisServer]) -> None:
    assert "does not do what is asked" in await refusal(sentinel[2].url)


@pytest.fixture
async def cluster() -> AsyncIterator[list[RedisServer]]:
    """Three servers that share the slots."""
    servers = [RedisServer("--cluster-enabled", "yes", "--cluster-node-timeout", "1000") for _ in range(3)]
    for number, server in enumerate(servers):
        await server.start()
        first, last = 16384 * number // 3, 16384 * (number + 1) // 3 - 1
        await server.run("CLUSTER", "ADDSLOTSRANGE", first, last)
        await server.run("CONFIG", "SET", "cluster-require-full-coverage", "no")
    for server in servers[1:]:
        await server.run("CLUSTER", "MEET", "127.0.0.1", servers[0].port)
    for server in servers:
        async with asyncio.timeout(PATIENCE_S):
            while not {b"cluster_state:ok", b"cluster_known_nodes:3"} <= set((await info(server)).split()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    yield servers
    for server in servers:
        await server.close()


async def info(server: RedisServer) -> bytes:
    answer = await server.run("CLUSTER", "INFO")
    assert isinstance(answer, bytes)
    return answer


async def test_a_cluster_keeps_rooms_on_all_its_servers(cluster: list[RedisServer]) -> None:
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in cluster[:2])
    pair = await pair_at(f"redis+cluster://{hosts}")
    rooms = [
        (await member_of(pair.one.directory, f"room{number}"), await member_of(pair.other.directory, f"room{number}"))
        for number in range(30)
    ]
    for number, (one, other) in enumerate(rooms):
        one.entry.put(shard(one, f"s{number}"))
        other.entry.put(participant(other, f"p{number}"))
    for one, other in rooms:
        await one.seen.until(lambda it: len(it.facts) == 2)
        await other.seen.until(lambda it: len(it.facts) == 2)
    assert all([await server.keys() for server in cluster])
    await close(pair)
    left = {key for server in cluster for key in await server.keys()}
    assert left <= {"miso:1:{nodes}:clock", "miso:1:{nodes}:pause"}


async def test_a_server_of_the_cluster_that_is_killed_and_comes_back_empty(cluster: list[RedisServer]) -> None:
    pair = await pair_at(f"redis+cluster://127.0.0.1:{cluster[0].port}")
    rooms = [
        (await member_of(pair.one.directory, f"room{number}"), await member_of(pair.other.directory, f"room{number}"))
        for number in range(12)
    ]
    for one, other in rooms:
        one.entry.put(shard(one, "s"))
        await other.seen.until(lambda it: len(it.facts) == 1)
    await cluster[1].kill()
    await until(lambda: pair.one.directory.is_away or pair.other.directory.is_away)
    for one, other in rooms:
        one.entry.put(shard(one, "t"))
        other.entry.put(shard(other, "u"))
    await cluster[1].start()
    for one, other in rooms:
        await one.seen.until(lambda it: len(it.facts) == 3)
        await other.seen.until(lambda it: len(it.facts) == 3)
    await pair.see_the_same()
    assert pair.nobody_went()
    await close(pair)


async def test_addresses_of_the_wrong_kind(cluster: list[RedisServer]) -> None:
    assert "part of a Redis Cluster: redis+cluster://" in await refusal(cluster[0].url)
    alone = RedisServer()
    await alone.start()
    with pytest.raises(StoreRefusedError, match=r"is no Redis Cluster"):
        await RedisDirectory("a-00000001", parse_url(f"redis+cluster://127.0.0.1:{alone.port}"), QUICK).start()
    await alone.close()


async def test_valkey(monkeypatch: pytest.MonkeyPatch) -> None:
    program = shutil.which("valkey-server")
    if program is None:
        pytest.skip("Debian 12 has no Valkey; on Debian 13: apt-get install valkey-server")
    monkeypatch.setattr(redis_server, "REDIS_SERVER", program)
    server = RedisServer()
    await server.start()
    await one_sees_the_other(f"valkey://127.0.0.1:{server.port}", f"valkey://127.0.0.1:{server.port}")
    await server.close()
