"""Rooms that come and go: nothing of them stays, in Redis or here."""

from __future__ import annotations

import asyncio

from tests.cluster.directory.recorder import shard, until
from tests.cluster.directory.redis.pair import member_of
from tests.cluster.directory.redis.world import RedisWorld
from tests.patience import PATIENCE_S

ROOMS = 2000
AT_ONCE = 100


async def test_two_thousand_rooms_made_and_closed_leave_no_key(world: RedisWorld) -> None:
    directories = [await world.node(name) for name in "abc"]
    for directory in directories:
        await member_of(directory, "first")
    await until(lambda: all(len(directory.nodes) == 3 for directory in directories))
    at_start = await world.keys()
    for start in range(0, ROOMS, AT_ONCE):
        rooms = [
            [await member_of(directory, f"room{number}") for directory in directories]
            for number in range(start, start + AT_ONCE)
        ]
        for members in rooms:
            for member in members:
                member.entry.put(shard(member, member.directory.node))
        for members in rooms:
            for member in members:
                await member.seen.until(lambda it: len(it.facts) == 3)
        for members in rooms:
            for member in members:
                member.entry.leave()
    async with asyncio.timeout(PATIENCE_S):
        while await world.keys() != at_start:  # noqa: ASYNC110  Redis does not tell
            await asyncio.sleep(0.05)


async def test_a_room_whose_host_dies_is_forgotten_by_redis(world: RedisWorld) -> None:
    directory = await world.node("a")
    at_start = await world.server.keys()
    member = await member_of(directory)
    member.entry.put(shard(member, "s"))
    await member.entry.synced()
    for key in await world.server.keys():
        lasts_ms = await world.server.run("PTTL", key)
        assert isinstance(lasts_ms, int)
        assert 0 < lasts_ms <= 1000 * world.times.keep_s, key
    assert len(await world.server.keys()) > len(at_start)
