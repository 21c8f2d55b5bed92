"""Two hosts of one name: the first one stays, the second one is told, and one that has died makes room."""

from __future__ import annotations

import asyncio
import logging

import pytest

from miso.cluster.errors import NameTakenError
from tests.cluster.directory.recorder import shard, until
from tests.cluster.directory.redis.pair import member_of, pair_in
from tests.cluster.directory.redis.world import RedisWorld


async def test_the_second_one_waits_until_the_first_ones_lease_is_over(world: RedisWorld) -> None:
    first = await member_of(await world.node("a"))
    first.entry.put(shard(first, "first"))
    world.proxy(first.directory).refuse()
    await until(lambda: first.directory.is_away)  # what it sent before has come to Redis
    second = await member_of(await world.node("a"))
    second.entry.put(shard(second, "second"))
    await second.seen.until(lambda it: it.shards() == {(second.directory.node, "second")})


async def test_the_second_one_waits_longer_when_redis_stood_still_meanwhile(world: RedisWorld) -> None:
    first = await member_of(await world.node("a"))
    world.proxy(first.directory).refuse()
    await until(lambda: first.directory.is_away)
    coming = asyncio.create_task(world.node("a"))
    await asyncio.sleep(0.6 * world.times.lease_s)
    world.server.freeze()  # all leases begin anew when it goes on
    await asyncio.sleep(0.6 * world.times.answer_s)
    world.server.thaw()
    second = await coming
    assert second.node != first.directory.node
    assert not second.is_away


async def test_the_second_one_is_told_that_the_first_one_stays(world: RedisWorld) -> None:
    pair = await pair_in(world)
    with pytest.raises(NameTakenError) as caught:
        await world.node("a")
    assert f"has this one's name: {pair.one.directory.node}; each needs a name of its own" in str(caught.value)
    assert pair.nobody_went()


async def test_names_of_which_one_begins_like_the_other_are_two(world: RedisWorld) -> None:
    for name in ("a", "a-b", "a-00000000", "aa"):
        await world.node(name)


async def test_one_that_stood_still_and_was_replaced_stays_away_until_its_place_is_free(
    world: RedisWorld, caplog: pytest.LogCaptureFixture
) -> None:
    other = await member_of(await world.node("other"))
    first = await member_of(await world.node("a"))
    first.entry.put(shard(first, "first"))
    await world.cut(first.directory)
    second = await member_of(await world.node("a"))
    second.entry.put(shard(second, "second"))
    with caplog.at_level(logging.WARNING):
        await world.heal(first.directory)
        await until(lambda: "another host has this one's name and has taken its place" in caplog.text)
    assert first.directory.is_away
    assert first.seen.shards() == {(first.directory.node, "first")}
    await other.seen.until(lambda it: it.shards() == {(second.directory.node, "second")})
    await second.directory.close()
    await other.seen.until(lambda it: it.shards() == {(first.directory.node, "first")})
    await until(lambda: not first.directory.is_away)


async def test_of_two_that_start_at_once_one_stays(world: RedisWorld) -> None:
    results = await asyncio.gather(world.node("a"), world.node("a"), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NameTakenError", "RedisDirectory"]
