"""A Redis that is slow, takes nothing, or lets do less than before, and a host that means harm: the others go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from miso.cluster.directory.redis import post
from miso.cluster.directory.redis.keys import members, room_hash
from miso.cluster.directory.redis.read_allowance import SHARE, ReadAllowance
from miso.cluster.facts import ParticipantFact
from tests.cluster.directory.recorder import shard, until
from tests.cluster.directory.redis.pair import ROOM, Pair, member_of, pair_in
from tests.cluster.directory.redis.redis_server import free_port
from tests.cluster.directory.redis.stranger import NODE, Stranger
from tests.cluster.directory.redis.world import RedisWorld

WITHIN_S = 120.0
MANY = 2_000


async def both(pair: Pair, *, are_away: bool) -> None:
    await until(lambda: all(it.directory.is_away == are_away for it in (pair.one, pair.other)))


async def says_something(pair: Pair, name: str) -> None:
    pair.one.entry.put(shard(pair.one, f"one {name}"))
    pair.other.entry.put(shard(pair.other, f"other {name}"))


async def test_redis_that_answers_late_is_used_and_one_that_answers_too_late_is_waited_for(world: RedisWorld) -> None:
    pair = await pair_in(world)
    proxies = [world.proxy(it.directory) for it in (pair.one, pair.other)]
    for proxy in proxies:
        proxy.delay_s = 0.1
    await says_something(pair, "late")
    await pair.see_the_same()
    for proxy in proxies:
        proxy.delay_s = 1.5 * world.times.answer_s
    await both(pair, are_away=True)
    await says_something(pair, "too late")
    for proxy in proxies:
        proxy.delay_s = 0.0
    await pair.see_the_same()
    assert pair.nobody_went()


async def test_redis_that_is_a_replica_for_a_time_takes_nothing_and_is_away(
    world: RedisWorld, caplog: pytest.LogCaptureFixture
) -> None:
    pair = await pair_in(world)
    await world.server.run("REPLICAOF", "127.0.0.1", free_port())
    await both(pair, are_away=True)
    assert "read only replica" in caplog.text
    await says_something(pair, "to nobody")
    await world.server.run("REPLICAOF", "NO", "ONE")
    await pair.see_the_same()
    assert pair.nobody_went()


@pytest.mark.parametrize("right", ["xadd", "eval", "xread"])
async def test_a_right_that_is_taken_away_while_hosts_run(
    world: RedisWorld, caplog: pytest.LogCaptureFixture, right: str
) -> None:
    pair = await pair_in(world)
    await world.server.run("ACL", "SETUSER", "default", f"-{right}")
    await says_something(pair, "unheard")
    if right != "xread":
        await both(pair, are_away=True)
        assert "it does not let us in" in caplog.text
    await world.server.run("ACL", "SETUSER", "default", f"+{right}")
    await says_something(pair, "again")
    await pair.see_the_same()
    assert pair.nobody_went()


@pytest.fixture
async def stranger(world: RedisWorld) -> AsyncIterator[Stranger]:
    stranger = Stranger(world.server.port)
    yield stranger
    await stranger.leave()
    await world.server.run("ZREM", members(room_hash(ROOM)), NODE)


def people(count: int, **info: object) -> list[ParticipantFact]:
    return [ParticipantFact(participant=f"p{one}", shard=f"{NODE}:0001", stamp=1, info=info) for one in range(count)]


async def test_a_host_that_says_much_and_has_another_one_read_it_again_and_again_is_read_ever_later(
    world: RedisWorld, stranger: Stranger, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # so little that it is spent on a machine that reads once a second, too
    monkeypatch.setattr(post, "ReadAllowance", partial(ReadAllowance, burst_s=0.2, share=SHARE / 10))
    pair = await pair_in(world)
    one, loop = pair.one.directory, asyncio.get_running_loop()
    network = world.proxy(one)
    await stranger.live()
    await until(lambda: one.is_live(NODE))
    said_bytes = await stranger.enter(ROOM, people(MANY, text="x" * 500))
    reading_s = MANY * (15e-6 + 500 * 35e-9)
    while not one.refused.get("read too often"):
        began_s = loop.time()  # it has not cost too much yet, or only just
        await stranger.write_to(one.node, ROOM, 5)
        await asyncio.sleep(0.01)
    assert f"room='{ROOM}' host={NODE}" in caplog.text
    before = network.answered_bytes
    for number in range(20):
        await stranger.write_to(one.node, ROOM, 20)
        await says_something(pair, f"meanwhile {number}")
        mine = set(pair.union)
        for it in (pair.one, pair.other):
            await until(lambda it=it: mine <= it.seen.facts.keys(), WITHIN_S)  # type: ignore[misc]  # noqa: B023
    read = (network.answered_bytes - before) // said_bytes
    assert read <= 1 + SHARE / 10 * (loop.time() - began_s) / reading_s
    await stranger.enter(ROOM, [ParticipantFact(participant="last", shard=f"{NODE}:0001", stamp=1, info={})])
    await stranger.write_to(one.node, ROOM, 1)
    await pair.one.seen.until(lambda it: (NODE, "participant/last") in it.facts)
    await stranger.leave()
    await until(lambda: not one.is_live(NODE), WITHIN_S)
    await pair.see_the_same()


@pytest.mark.parametrize(("for_one", "for_all", "read"), [(100, 200_000, 100), (20_000, 1_000, 0)])
async def test_of_a_host_that_says_too_much_only_so_much_is_read(
    world: RedisWorld, stranger: Stranger, monkeypatch: pytest.MonkeyPatch, for_one: int, for_all: int, read: int
) -> None:
    monkeypatch.setattr(post, "MAX_FACTS", for_one)
    monkeypatch.setattr(post, "MAX_FACTS_FOR_ALL", for_all)
    pair = await pair_in(world)
    await stranger.live()
    await until(lambda: pair.one.directory.is_live(NODE))
    await stranger.enter(ROOM, people(MANY))
    late = await member_of(await world.node("late"))
    await until(lambda: late.directory.refused["too many facts"] >= MANY - read, WITHIN_S)
    await says_something(pair, "meanwhile")
    for it in (pair.one, pair.other, late):
        await until(lambda it=it: {*pair.union} <= it.seen.facts.keys(), WITHIN_S)  # type: ignore[misc]
    assert sum(node == NODE for node, _ in late.seen.facts) == read
    await stranger.leave()
    await until(lambda: not pair.one.directory.is_live(NODE), WITHIN_S)
    await late.directory.close()
    await pair.see_the_same()
