"""What nodes say of addresses: only what has changed is written and read, and whoever comes knows all of it."""

from __future__ import annotations

from msgspec.structs import replace

from miso.cluster.directory.redis.keys import USES, USES_AT
from miso.cluster.directory.redis.redis_directory import RedisDirectory
from miso.cluster.facts import AddressUse
from tests.cluster.directory.recorder import until
from tests.cluster.directory.redis.pair import node_fact
from tests.cluster.directory.redis.world import RedisWorld


def uses(count: int, peers: int = 2) -> list[AddressUse]:
    return [AddressUse(address=f"{number:032x}", peers=peers, rooms=1) for number in range(count)]


def say(directory: RedisDirectory, said: list[AddressUse], rooms: int = 0) -> None:
    directory.announce(replace(node_fact(directory, rooms), addresses=said))


async def knows(directory: RedisDirectory, other: RedisDirectory, said: list[AddressUse], rooms: int = 0) -> None:
    def is_so() -> bool:
        fact = directory.nodes.get(other.node)
        return fact is not None and fact.rooms == rooms and {*map(str, fact.addresses)} == {*map(str, said)}

    await until(is_so)


async def changed_at(world: RedisWorld) -> dict[bytes, float]:
    found = await world.server.run("ZRANGE", USES_AT, 0, -1, "WITHSCORES")
    assert isinstance(found, list)
    return dict(zip(found[::2], map(float, found[1::2]), strict=True))


async def traffic(world: RedisWorld) -> tuple[int, int]:
    """Signs of life and the like so far, and bytes that Redis has sent."""
    commands, stats = await world.server.run("INFO", "commandstats"), await world.server.run("INFO", "stats")
    assert isinstance(commands, dict)
    assert isinstance(stats, dict)
    return commands["cmdstat_eval"]["calls"], stats["total_net_output_bytes"]


async def test_of_many_addresses_only_what_changes_is_written_and_read(world: RedisWorld) -> None:
    one, other = await world.node("a"), await world.node("b")
    many = uses(256)
    say(one, many)
    say(other, [])
    await knows(other, one, many)
    before = await changed_at(world)
    say(one, [replace(many[0], peers=3), *many[1:]], rooms=1)
    await knows(other, one, [replace(many[0], peers=3), *many[1:]], rooms=1)
    after = await changed_at(world)
    assert [field.partition(b"/")[0].decode() for field in after if after[field] != before[field]] == [one.node]

    first, before_bytes = await traffic(world)
    for rooms in range(2, 22):
        say(one, many[:-1], rooms)
        await knows(other, one, many[:-1], rooms)
    last, after_bytes = await traffic(world)
    assert after_bytes - before_bytes < 4_000 * (last - first) + 20_000, "all of it are 17,000 bytes"
    say(one, [], 3)
    await knows(other, one, [], 3)


async def test_who_comes_later_and_after_redis_has_lost_everything_knows_all(world: RedisWorld) -> None:
    one, other = await world.node("a"), await world.node("b")
    many = uses(40)
    say(one, many)
    await knows(other, one, many)
    late = await world.node("c")
    await knows(late, one, many)
    await world.server.run("FLUSHALL")
    later = await world.node("d")
    for each in (other, late, later):
        await knows(each, one, many)
    await world.crash(one)
    await until(lambda: one.node not in later.nodes)
    await world.heal(one)
    for each in (other, late, later):
        await knows(each, one, many)
    await one.close()
    await until(lambda: one.node not in later.nodes)
    assert not [field for field in await changed_at(world) if field.startswith(one.node.encode())]


async def test_what_strangers_write_there_is_passed_over_and_goes(world: RedisWorld) -> None:
    one, other = await world.node("a"), await world.node("b")
    await world.server.run("SET", USES_AT, "no set")
    for number in range(100):
        await world.server.run("HSET", USES, f"stranger-0000000f/{number}", b"garbage")
    await world.server.run("HSET", USES, f"{one.node}/1", b'{"v":2}')
    say(one, uses(10))
    await knows(other, one, uses(10))
    found = await world.server.run("HKEYS", USES)
    assert isinstance(found, list)
    assert not [field for field in found if field.startswith(b"stranger")]
    await world.server.run("HSET", USES, f"{one.node}/1", b'{"v":2}', f"{one.node}/2", b"garbage")
    await world.server.run("ZADD", USES_AT, 9e15, f"{one.node}/1", 9e15, f"{one.node}/2")
    await until(lambda: {"newer version", "no fact"} <= other.refused.keys())
    await knows(other, one, uses(10))
