"""What happens to Redis and to the network: nobody is dropped by it, and afterwards everybody knows what is true."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from miso.cluster.directory.redis.inbox import Letter
from miso.cluster.directory.redis.keys import facts, room_hash
from miso.cluster.directory.redis.marks import FOR_ONE
from miso.cluster.directory.redis.post import AGAIN_S
from miso.cluster.directory.redis.redis_directory import RedisDirectory
from miso.cluster.directory.redis.times import Times
from miso.cluster.directory.redis.url import parse_url
from miso.cluster.errors import DirectoryAwayError
from miso.cluster.facts import BotWords
from tests.cluster.directory.recorder import WAIT_S, Recorder, participant, shard, until, want
from tests.cluster.directory.redis.pair import ROOM, Pair, member_of, node_fact, pair_in
from tests.cluster.directory.redis.redis_server import RedisServer, free_port
from tests.cluster.directory.redis.world import QUICK, RedisWorld
from tests.patience import PATIENCE_S


async def change_while_away(pair: Pair) -> None:
    """Says and takes back something on both sides, once both have noticed that Redis is away."""
    for member in (pair.one, pair.other):
        await until(lambda member=member: member.directory.is_away)  # type: ignore[misc]
        node = member.directory.node
        member.entry.put(shard(member, "new" + node))
        member.entry.put(participant(member, "p" + node, 7))


async def test_redis_that_is_killed_and_comes_back_empty(world: RedisWorld) -> None:
    pair = await pair_in(world)
    await world.server.kill()
    await change_while_away(pair)
    await world.server.start()
    await pair.see_the_same()
    assert pair.nobody_went()


class Patient(Times):
    """Who is slow to come back has as much time as a test may take."""

    @property
    def grace_s(self) -> float:
        return 600.0


async def shows_itself_again(world: RedisWorld, directory: RedisDirectory) -> None:
    """Waits until a node has done so for longer than what it sent while Redis stood still can tell."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            paused = await world.server.run("GET", "miso:1:{nodes}:pause") or b"0"
            seen = await world.server.run("ZSCORE", "miso:1:{nodes}:seen", directory.node) or 0.0
            assert isinstance(paused, bytes)
            assert isinstance(seen, float)
            if seen > float(paused) + 1000 * world.times.touch_s:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("comes_back_empty", [False, True])
async def test_who_dies_soon_after_redis_is_back_is_missed_at_once_and_who_is_slow_to_come_back_is_not(
    *, comes_back_empty: bool
) -> None:
    world = RedisWorld(times=Patient(touch_s=0.5, lease_s=3, keep_s=60, refresh_s=3, answer_s=1, sync_s=2))
    await world.start()
    pair = await pair_in(world)
    slow, dying = await world.node("slow"), await world.node("dying")
    one = pair.one.directory
    await until(lambda: one.is_live(slow.node) and one.is_live(dying.node))
    if comes_back_empty:
        await world.server.kill()
    else:
        world.server.freeze()
    await until(lambda: all(each.is_away for each in (one, slow, dying)))
    world.proxy(slow).refuse()
    if comes_back_empty:
        await world.server.start()
    else:
        world.server.thaw()
    await until(lambda: not dying.is_away)
    await shows_itself_again(world, dying)
    world.proxy(dying).refuse()
    await until(lambda: not one.is_live(dying.node))
    assert one.is_live(slow.node)
    world.proxy(slow).flow()
    await pair.one.seen.until(lambda it: it.facts == pair.union)
    assert pair.nobody_went()
    await world.close()


async def test_redis_that_is_killed_and_comes_back_empty_before_anybody_notices(world: RedisWorld) -> None:
    pair = await pair_in(world)
    await world.server.kill()
    await world.server.start()
    pair.one.entry.put(shard(pair.one, "new"))
    await pair.see_the_same()
    assert pair.nobody_went()


async def test_redis_that_loses_everything_and_keeps_its_connections(world: RedisWorld) -> None:
    pair = await pair_in(world)
    await world.server.run("FLUSHALL")
    pair.one.entry.put(shard(pair.one, "new"))
    await pair.see_the_same()
    pair.other.entry.put(shard(pair.other, "newer"))
    await pair.see_the_same()
    late = await member_of(await world.node("c"))
    await late.seen.until(lambda it: it.facts == pair.union)
    assert pair.nobody_went()


async def test_redis_that_comes_back_with_what_it_had_some_time_ago(world: RedisWorld) -> None:
    pair = await pair_in(world)
    pair.one.entry.put(shard(pair.one, "old"))
    await pair.see_the_same()
    await world.server.run("SAVE")
    pair.one.entry.drop(shard(pair.one, "old").key)
    pair.one.entry.put(participant(pair.one, "p" + pair.one.directory.node, 3))
    await pair.see_the_same()
    await world.server.kill()
    await change_while_away(pair)
    await world.server.start()
    await pair.see_the_same()
    assert not [told for told in pair.other.seen.told if told[2] is None and told[1] != shard(pair.one, "old").key]
    late = await member_of(await world.node("c"))
    await late.seen.until(lambda it: it.facts == pair.union)


async def test_redis_that_stands_still_for_longer_than_it_keeps_anything() -> None:
    world = RedisWorld(times=Times(touch_s=0.1, lease_s=1.5, keep_s=3, refresh_s=1, answer_s=0.5, sync_s=1))
    await world.start()
    pair = await pair_in(world)
    world.server.freeze()
    await change_while_away(pair)
    late = pair.one.directory.enter("another", Recorder())
    with pytest.raises(DirectoryAwayError, match="Redis does not answer"):
        await late.synced()
    await asyncio.sleep(3)  # Redis counts on while it stands still
    world.server.thaw()
    await pair.see_the_same()
    await late.synced()
    assert pair.nobody_went()
    await world.close()


async def test_connections_that_are_ended_again_and_again(world: RedisWorld) -> None:
    pair = await pair_in(world)
    for number in range(20):
        await world.server.run("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        pair.one.entry.put(participant(pair.one, "x", number))
        pair.other.entry.put(participant(pair.other, f"y{number % 3}", number))
        await asyncio.sleep(0.01 * (number % 4))
    await pair.see_the_same()
    assert pair.nobody_went()


async def test_redis_that_is_out_of_memory(world: RedisWorld) -> None:
    pair = await pair_in(world)
    await world.server.run("CONFIG", "SET", "maxmemory", 1)
    await change_while_away(pair)
    await asyncio.sleep(world.times.lease_s)
    assert pair.nobody_went()
    await world.server.run("CONFIG", "SET", "maxmemory", 0)
    await pair.see_the_same()
    assert pair.nobody_went()


async def test_redis_that_loads_its_data(caplog: pytest.LogCaptureFixture) -> None:
    world = RedisWorld(RedisServer("--enable-debug-command", "yes"))
    await world.start()
    pair = await pair_in(world)
    await world.server.run("DEBUG", "POPULATE", 3000)
    await world.server.run("SAVE")
    await world.server.kill()
    with caplog.at_level(logging.WARNING):
        starting = asyncio.create_task(
            world.server.start("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
        )
        await change_while_away(pair)
        await until(lambda: "it loads its data" in caplog.text)
        await starting
    await pair.see_the_same()
    assert pair.nobody_went()
    await world.server.run("FLUSHALL")
    await world.close()


async def test_a_password_that_is_changed_while_hosts_run(world: RedisWorld) -> None:
    pair = await pair_in(world)
    await world.server.run("CONFIG", "SET", "requirepass", "secret")
    await world.server.run_as("secret", "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await change_while_away(pair)
    await world.server.run_as("secret", "CONFIG", "SET", "requirepass", "")
    await pair.see_the_same()
    assert pair.nobody_went()


async def test_one_host_that_is_cut_off_for_less_than_its_lease(world: RedisWorld) -> None:
    pair = await pair_in(world)
    world.proxy(pair.one.directory).break_all()
    pair.one.entry.put(shard(pair.one, "new"))
    pair.other.entry.put(shard(pair.other, "newer"))
    await pair.see_the_same()
    assert pair.nobody_went()


async def test_a_split_into_two_halves_heals(world: RedisWorld) -> None:
    pair = await pair_in(world)
    third = await member_of(await world.node("c"))
    third.entry.put(shard(third, "third"))
    await pair.one.seen.until(lambda it: (third.directory.node, "third") in it.shards())
    await world.cut(third.directory)
    await pair.one.seen.until(lambda it: it.facts == pair.union)
    third.entry.put(shard(third, "alone"))
    third.entry.drop(shard(third, "third").key)
    await world.heal(third.directory)
    await pair.one.seen.until(lambda it: (third.directory.node, "alone") in it.shards())
    await third.seen.until(lambda it: it.facts == pair.one.seen.facts)
    assert (third.directory.node, "third") not in pair.one.seen.shards()


async def test_an_inbox_that_is_trimmed_while_its_reader_is_away(world: RedisWorld) -> None:
    pair = await pair_in(world)
    world.proxy(pair.other.directory).stall()
    for number in range(50):
        pair.one.entry.put(participant(pair.one, "p" + pair.one.directory.node, 100 + number))
        pair.one.entry.put(shard(pair.one, str(number)))
        await asyncio.sleep(0)
    inbox = f"miso:1:inbox:{{{pair.other.directory.node}}}"
    await until_key_has_entries(world, inbox, 1)
    await world.server.run("XTRIM", inbox, "MAXLEN", 0)
    world.proxy(pair.other.directory).flow()
    await pair.see_the_same()


async def test_a_host_that_stood_still_for_longer_than_its_lease_says_everything_again(world: RedisWorld) -> None:
    pair = await pair_in(world)
    node = pair.one.directory.node
    await world.server.run("ZREM", "miso:1:{nodes}:seen", node)
    pair.one.entry.put(shard(pair.one, "new"))
    await pair.see_the_same()
    world.proxy(pair.one.directory).stall()
    await pair.other.seen.until(lambda it: all(owner != node for owner, _ in it.facts))
    world.proxy(pair.one.directory).flow()
    await pair.see_the_same()


async def test_an_inbox_that_is_deleted(world: RedisWorld) -> None:
    pair = await pair_in(world)
    await world.server.run("DEL", f"miso:1:inbox:{{{pair.other.directory.node}}}")
    pair.one.entry.put(shard(pair.one, "new"))
    await pair.see_the_same()
    said = len(pair.other.seen.heard)
    pair.one.entry.say(BotWords(text="hello"))
    await pair.other.seen.until(lambda it: len(it.heard) > said)


async def test_a_letter_that_is_lost_is_noticed_with_the_next_one(world: RedisWorld) -> None:
    pair = await pair_in(world)
    world.proxy(pair.other.directory).stall()
    pair.one.entry.put(shard(pair.one, "lost"))
    inbox = f"miso:1:inbox:{{{pair.other.directory.node}}}"
    await until_key_has_entries(world, inbox, 1)
    await world.server.run("XTRIM", inbox, "MAXLEN", 0)
    world.proxy(pair.other.directory).flow()
    pair.one.entry.put(shard(pair.one, "next"))
    await pair.see_the_same()


async def until_key_has_entries(world: RedisWorld, key: str, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            length = await world.server.run("XLEN", key)
            if isinstance(length, int) and length >= count:
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("jump_ms", [-180_000, -3_000, 3_000, 180_000])
async def test_a_clock_of_redis_that_is_set_ends_no_lease(world: RedisWorld, jump_ms: int) -> None:
    """Scores and clock are moved the other way, which is the same."""
    pair = await pair_in(world)
    await world.server.run(
        "EVAL",
        """for _, node in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
             redis.call('ZINCRBY', KEYS[1], -ARGV[1], node)
           end
           redis.call('SET', KEYS[2], redis.call('GET', KEYS[2]) - ARGV[1], 'KEEPTTL')""",
        2,
        "miso:1:{nodes}:seen",
        "miso:1:{nodes}:clock",
        jump_ms,
    )
    dead = await member_of(await world.node("dead"))
    dead.entry.put(shard(dead, "dead"))
    await pair.one.seen.until(lambda it: (dead.directory.node, "dead") in it.shards())
    assert pair.nobody_went()
    await world.crash(dead.directory)
    await pair.see_the_same()
    assert set(pair.one.directory.nodes) == {pair.one.directory.node, pair.other.directory.node}


@pytest.mark.parametrize("goes", ["ends", "ends while it is read", "leaves while it is read"])
async def test_a_host_that_was_gone_for_a_moment_is_seen_again_before_the_next_refresh(goes: str) -> None:
    world = RedisWorld(times=Patient(touch_s=0.1, lease_s=1.5, keep_s=600, refresh_s=200, answer_s=1, sync_s=2))
    await world.start()
    pair = await pair_in(world)
    room, node = pair.one.entry, pair.other.node
    if "read" in goes:
        world.proxy(pair.one.directory).delay_s = 0.3
        room.read_anew()
        await until(lambda: not room.has_work)  # it is asked for, and the answer is on its way
    if "ends" in goes:
        room.ended(node)
    else:
        room.hear(Letter(n=0, node=node, room=room.hash, prev=1, seq=2, left=True))
    assert {node for node, _ in pair.one.seen.facts} == {pair.one.node}
    if "ends" in goes:
        room.came(node)
    await pair.see_the_same()
    await world.close()


async def test_marks_of_hosts_that_are_gone_go_from_redis() -> None:
    world = RedisWorld(times=replace(QUICK, keep_s=8, refresh_s=1))
    await world.start()
    pair = await pair_in(world)
    key = facts(room_hash(ROOM), pair.one.node)

    async def marks() -> set[str]:
        found = await world.server.run("HKEYS", key)
        assert isinstance(found, list)
        return {field.decode() for field in found if field.startswith(FOR_ONE.encode())}

    third = await member_of(await world.node("c"))
    await third.entry.synced()
    for member in (pair.other, third):
        pair.one.entry.put(want(pair.one, member.node))
    await third.seen.until(lambda it: (pair.one.node, want(pair.one, third.node).key) in it.facts)
    assert await marks() == {FOR_ONE + pair.other.node, FOR_ONE + third.node}
    await world.crash(third.directory)
    pair.one.entry.drop(want(pair.one, third.node).key)
    async with asyncio.timeout(WAIT_S):
        while await marks() != {FOR_ONE + pair.other.node}:  # noqa: ASYNC110  Redis tells nobody
            await asyncio.sleep(0.1)
    await world.heal(third.directory)
    await third.seen.until(lambda it: (pair.one.node, want(pair.one, third.node).key) not in it.facts)
    await third.directory.close()
    await world.close()


async def test_what_changed_a_thousand_times_while_redis_was_away_is_told_once(world: RedisWorld) -> None:
    pair = await pair_in(world)
    await world.server.kill()
    await until(lambda: pair.one.directory.is_away)
    for number in range(20_000):
        pair.one.entry.put(participant(pair.one, "p", number))
        pair.one.entry.put(shard(pair.one, str(number)))
        pair.one.entry.drop(shard(pair.one, str(number)).key)
        pair.one.entry.say(BotWords(text=str(number)))
    told = len(pair.other.seen.told)
    await world.server.start()
    await pair.see_the_same()
    assert len(pair.other.seen.told) - told == 1
    assert len(pair.other.seen.heard) <= 64


async def test_a_host_starts_while_redis_is_away_and_joins_when_it_comes() -> None:
    server = RedisServer(port=free_port())
    alone = RedisDirectory("a-00000001", parse_url(server.url), QUICK)
    await alone.start()
    assert alone.is_away
    seen = Recorder()
    entry = alone.enter("room", seen)
    entry.put(shard(alone, "s"))
    with pytest.raises(DirectoryAwayError):
        await entry.synced()
    await server.start()
    await entry.synced()
    other = RedisDirectory("b-00000002", parse_url(server.url), QUICK)
    await other.start()
    late = Recorder()
    await other.enter("room", late).synced()
    assert late.shards() == {("a-00000001", "s")}
    await until(lambda: not alone.is_away)
    await alone.close()
    await other.close()
    await server.close()


async def test_closing_while_redis_is_away_ends_soon() -> None:
    server = RedisServer()
    await server.start()
    directory = RedisDirectory("a-00000001", parse_url(server.url), QUICK)
    await directory.start()
    directory.announce(node_fact(directory))
    directory.enter("room", Recorder()).put(shard(directory, "s"))
    server.freeze()
    async with asyncio.timeout(PATIENCE_S):
        await directory.close()
    server.thaw()
    await server.close()


async def test_a_watcher_sees_nothing_of_a_host_that_died_before_it_came(world: RedisWorld) -> None:
    pair = await pair_in(world)
    await world.crash(pair.one.directory)
    late = await member_of(await world.node("c"))
    await late.entry.synced()
    assert {node for node, _ in late.seen.facts} == {pair.other.directory.node}
    assert not [node for node, _, _ in late.seen.told if node == pair.one.directory.node]


async def test_who_comes_again_while_leaving_fails_stays(world: RedisWorld) -> None:
    pair = await pair_in(world)
    member, proxy = pair.one, world.proxy(pair.one.directory)
    proxy.delay_s = 0.3
    member.entry.leave()
    await asyncio.sleep(0.1)
    entry = member.directory.enter("room", Recorder())
    entry.put(participant(member, "again"))
    proxy.refuse()
    await asyncio.sleep(0.1)
    proxy.delay_s = 0.0
    proxy.flow()
    await pair.other.seen.until(lambda it: (member.node, "participant/again") in it.facts)
    told = len(pair.other.seen.told)
    await asyncio.sleep(2 * AGAIN_S)
    assert not [fact for _, _, fact in pair.other.seen.told[told:] if fact is None]
    entry.leave()
