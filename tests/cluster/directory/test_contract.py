"""What every directory does, in memory and on Redis: one suite for all of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from miso.cluster.directory.directory import Directory
from miso.cluster.errors import DirectoryAwayError, InvalidStateError, NameTakenError
from miso.cluster.facts import BotWords, NodeFact, RoomFact, ShardFact, WantFact
from tests.cluster.directory.recorder import Recorder, participant, shard, until, want
from tests.cluster.directory.redis.world import RedisWorld
from tests.cluster.directory.worlds import MemoryWorld, World

WORLDS: dict[str, Callable[[], Awaitable[World]]] = {}


async def _memory() -> World:
    return MemoryWorld()


async def _redis() -> World:
    world = RedisWorld()
    await world.start()
    return world


WORLDS |= {"memory": _memory, "redis": _redis}


@pytest.fixture(params=WORLDS)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    world = await WORLDS[request.param]()
    yield world
    await world.close()


def node_fact(directory: Directory, rooms: int = 0) -> NodeFact:
    return NodeFact(node=directory.node, name="n", ip="10.0.0.1", rooms=rooms)


async def test_own_facts_are_told_at_once(world: World) -> None:
    alice = await world.node("a")
    seen = Recorder()
    entry = alice.enter("room", seen)
    entry.put(shard(alice, "s"))
    assert seen.told == [(alice.node, shard(alice, "s").key, shard(alice, "s"))]
    entry.drop(shard(alice, "s").key)
    assert seen.told[1:] == [(alice.node, shard(alice, "s").key, None)]


async def test_what_is_put_again_unchanged_is_no_change(world: World) -> None:
    alice = await world.node("a")
    seen = Recorder()
    entry = alice.enter("room", seen)
    entry.put(shard(alice, "s"))
    entry.put(shard(alice, "s"))
    entry.drop(shard(alice, "t").key)
    assert len(seen.told) == 1


async def test_others_see_facts_come_change_and_go(world: World) -> None:
    alice, bob = await world.node("a"), await world.node("b")
    seen = Recorder()
    bob.enter("room", seen)
    entry = alice.enter("room", Recorder())
    entry.put(participant(alice, "p", 1))
    await seen.until(lambda it: len(it.told) == 1)
    entry.put(participant(alice, "p", 2))
    await seen.until(lambda it: len(it.told) == 2)
    entry.drop("participant/p")
    await seen.until(lambda it: len(it.told) == 3)
    key = "participant/p"
    assert seen.told == [
        (alice.node, key, participant(alice, "p", 1)),
        (alice.node, key, participant(alice, "p", 2)),
        (alice.node, key, None),
    ]


async def test_who_enters_later_sees_everybody_when_synced(world: World) -> None:
    alice, bob, carol = [await world.node(name) for name in "abc"]
    seen = Recorder()
    entered = alice.enter("room", seen)
    entered.put(shard(alice, "s"))
    bob.enter("room", Recorder()).put(shard(bob, "t"))
    await seen.until(lambda it: len(it.facts) == 2)
    late = Recorder()
    entry = carol.enter("room", late)
    await entry.synced()
    assert late.shards() == {(alice.node, "s"), (bob.node, "t")}
    await entry.synced()


async def test_leaving_takes_all_facts_back_and_nothing_is_told_after_it(world: World) -> None:
    alice, bob = await world.node("a"), await world.node("b")
    seen, left = Recorder(), Recorder()
    bobs = bob.enter("room", seen)
    entry = alice.enter("room", left)
    entry.put(shard(alice, "s"))
    entry.put(shard(alice, "t"))
    await seen.until(lambda it: len(it.facts) == 2)
    entry.leave()
    entry.leave()
    await seen.until(lambda it: not it.facts)
    told = len(left.told)
    entry.put(shard(alice, "u"))
    entry.drop(shard(alice, "s").key)
    entry.say(BotWords(text="after"))
    bobs.put(shard(bob, "v"))
    again = alice.enter("room", Recorder())
    await again.synced()
    assert len(left.told) == told
    assert not seen.words()


async def test_who_left_and_entered_again_is_seen_with_its_new_facts_only(world: World) -> None:
    alice, bob = await world.node("a"), await world.node("b")
    seen = Recorder()
    bob.enter("room", seen)
    entry = alice.enter("room", Recorder())
    entry.put(shard(alice, "s"))
    entry.leave()
    alice.enter("room", Recorder()).put(shard(alice, "t"))
    await seen.until(lambda it: it.shards() == {(alice.node, "t")})


async def test_a_room_is_entered_once(world: World) -> None:
    alice = await world.node("a")
    alice.enter("room", Recorder())
    with pytest.raises(InvalidStateError, match="is in room 'room' already"):
        alice.enter("room", Recorder())


async def test_rooms_do_not_hear_of_each_other(world: World) -> None:
    alice, bob = await world.node("a"), await world.node("b")
    one, other = Recorder(), Recorder()
    bob.enter("one", one)
    await bob.enter("other", other).synced()
    alice.enter("other", Recorder()).put(shard(alice, "s"))
    entry = alice.enter("one", Recorder())
    entry.put(shard(alice, "t"))
    entry.say(BotWords(text="hello"))
    await one.until(lambda it: bool(it.heard and it.facts))
    await other.until(lambda it: bool(it.facts))
    assert one.shards() == {(alice.node, "t")}
    assert other.shards() == {(alice.node, "s")}
    assert not other.heard


@pytest.mark.parametrize("room", ["", "ä/{x}:1", "x" * 10_000, "\0\n\udcff"])
async def test_a_room_may_be_called_anything(world: World, room: str) -> None:
    alice, bob = await world.node("a"), await world.node("b")
    seen = Recorder()
    bob.enter(room, seen)
    alice.enter(room, Recorder()).put(shard(alice, "s"))
    await seen.until(lambda it: it.shards() == {(alice.node, "s")})


async def test_what_is_said_is_heard_by_the_others_in_order(world: World) -> None:
    alice, bob, carol = [await world.node(name) for name in "abc"]
    own, seen, also = Recorder(), Recorder(), Recorder()
    entry = alice.enter("room", own)
    entry.put(shard(alice, "s"))
    for directory, recorder in ((bob, seen), (carol, also)):
        await directory.enter("room", recorder).synced()
        await recorder.until(lambda it: bool(it.facts))
    await own.until(lambda it: bool(it.facts))
    for number in range(20):
        entry.say(BotWords(text=str(number)))
    for recorder in (seen, also):
        await recorder.until(lambda it: len(it.heard) == 20)
        assert recorder.words() == [str(number) for number in range(20)]
    assert not own.heard


async def test_all_see_the_same_in_the_end_when_all_change_at_once(world: World) -> None:
    directories = [await world.node(f"n{number}") for number in range(4)]
    seen = [Recorder() for _ in directories]
    entries = [directory.enter("room", recorder) for directory, recorder in zip(directories, seen, strict=True)]
    for step in range(50):
        for number, (directory, entry) in enumerate(zip(directories, entries, strict=True)):
            entry.put(participant(directory, f"p{number}-{step % 7}", step))
            if step % 3 == 0:
                entry.drop(f"participant/p{number}-{(step + 3) % 7}")
                await asyncio.sleep(0)
    own = {
        key: fact
        for directory, recorder in zip(directories, seen, strict=True)
        for key, fact in recorder.facts.items()
        if key[0] == directory.node
    }
    for recorder in seen:
        await recorder.until(lambda it: it.facts == own)


async def test_nodes_know_what_the_others_say_of_themselves(world: World) -> None:
    alice, bob = await world.node("a"), await world.node("b")
    calls: list[int] = []
    stop = alice.on_nodes(lambda: calls.append(len(alice.nodes)))
    alice.announce(node_fact(alice))
    assert alice.nodes == {alice.node: node_fact(alice)}
    bob.announce(node_fact(bob))
    await until(lambda: set(alice.nodes) == set(bob.nodes) == {alice.node, bob.node})
    bob.announce(node_fact(bob, rooms=7))
    await until(lambda: alice.nodes[bob.node].rooms == 7)
    assert calls
    assert calls[-1] == 2
    stop()
    before = len(calls)
    await bob.close()
    await until(lambda: set(alice.nodes) == {alice.node})
    assert len(calls) == before


async def test_a_node_that_closes_is_gone_with_its_facts(world: World) -> None:
    alice, bob = await world.node("a"), await world.node("b")
    seen = Recorder()
    alice.enter("room", seen)
    bob.enter("room", Recorder()).put(shard(bob, "s"))
    await seen.until(lambda it: bool(it.facts))
    await bob.close()
    await bob.close()
    await seen.until(lambda it: not it.facts)


async def test_the_facts_of_a_node_that_dies_go_one_by_one(world: World) -> None:
    alice, bob = await world.node("a"), await world.node("b")
    bob.announce(node_fact(bob))
    seen = Recorder()
    alice.enter("room", seen)
    entry = bob.enter("room", Recorder())
    entry.put(shard(bob, "s"))
    entry.put(participant(bob, "p"))
    await seen.until(lambda it: len(it.facts) == 2)
    await until(lambda: bob.node in alice.nodes)
    await world.crash(bob)
    await seen.until(lambda it: not it.facts)
    assert sorted(seen.told[2:], key=repr) == [(bob.node, "participant/p", None), (bob.node, shard(bob, "s").key, None)]
    await until(lambda: bob.node not in alice.nodes)
    late = Recorder()
    await (await world.node("c")).enter("room", late).synced()
    assert not late.facts


async def test_a_node_that_was_cut_off_comes_back_with_all_that_it_says_now(world: World) -> None:
    alice, bob = await world.node("a"), await world.node("b")
    for directory in (alice, bob):
        directory.announce(node_fact(directory))
    await until(lambda: set(alice.nodes) == set(bob.nodes) == {alice.node, bob.node})
    seen, cut = Recorder(), Recorder()
    alices = alice.enter("room", seen)
    alices.put(shard(alice, "s"))
    entry = bob.enter("room", cut)
    entry.put(shard(bob, "t"))
    entry.put(shard(bob, "u"))
    await seen.until(lambda it: len(it.facts) == 3)
    await cut.until(lambda it: len(it.facts) == 3)
    await world.cut(bob)
    await seen.until(lambda it: it.shards() == {(alice.node, "s")})
    await until(lambda: bob.is_away)
    assert not alice.is_away
    assert set(bob.nodes) == {alice.node, bob.node}, "who is cut off keeps what it knew"
    entry.drop(shard(bob, "t").key)
    entry.put(shard(bob, "v"))
    entry.say(BotWords(text="nobody hears it"))
    alices.put(shard(alice, "w"))
    alices.drop(shard(alice, "s").key)
    assert cut.shards() == {(alice.node, "s"), (bob.node, "u"), (bob.node, "v")}
    await world.heal(bob)
    both = {(alice.node, "w"), (bob.node, "u"), (bob.node, "v")}
    await seen.until(lambda it: it.shards() == both)
    await cut.until(lambda it: it.shards() == both)
    await until(lambda: not bob.is_away and set(alice.nodes) == {alice.node, bob.node})


async def test_while_the_store_is_away_nobody_goes_and_nothing_is_lost(world: World) -> None:
    alice, bob = await world.node("a"), await world.node("b")
    seen = {alice: Recorder(), bob: Recorder()}
    entries = {directory: directory.enter("room", recorder) for directory, recorder in seen.items()}
    for directory, entry in entries.items():
        directory.announce(node_fact(directory))
        entry.put(shard(directory, "old"))
        await entry.synced()
    for recorder in seen.values():
        await recorder.until(lambda it: len(it.facts) == 2)
    await until(lambda: set(alice.nodes) == set(bob.nodes) == {alice.node, bob.node})
    await world.store_goes()
    await until(lambda: alice.is_away and bob.is_away)
    for directory, entry in entries.items():
        entry.put(shard(directory, "new"))
        await entry.synced()
    alices = alice.enter("another", Recorder())
    with pytest.raises(DirectoryAwayError):
        await alices.synced()
    for recorder in seen.values():
        assert not [fact for _, _, fact in recorder.told if fact is None], "somebody went"
    await world.store_returns()
    for recorder in seen.values():
        await recorder.until(lambda it: len(it.facts) == 4)
        assert not [fact for _, _, fact in recorder.told if fact is None], "somebody went"
    await alices.synced()
    await until(lambda: not alice.is_away and not bob.is_away)
    assert set(alice.nodes) == set(bob.nodes) == {alice.node, bob.node}


async def test_what_was_left_while_cut_off_is_left_afterwards(world: World) -> None:
    alice, bob = await world.node("a"), await world.node("b")
    seen = Recorder()
    alice.enter("room", seen)
    entry = bob.enter("room", Recorder())
    entry.put(shard(bob, "s"))
    await seen.until(lambda it: bool(it.facts))
    await world.store_goes()
    entry.leave()
    await world.store_returns()
    await seen.until(lambda it: not it.facts)


async def test_a_watcher_that_fails_costs_that_one_call(world: World, caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(Recorder):
        def changed(self, node: str, fact_key: str, fact: RoomFact | None) -> None:
            super().changed(node, fact_key, fact)
            raise ValueError("a bug in a room")

    alice, bob = await world.node("a"), await world.node("b")
    faulty = Faulty()
    entry = alice.enter("room", faulty)
    with caplog.at_level(logging.ERROR):
        entry.put(shard(alice, "s"))
        others = bob.enter("room", Recorder())
        others.put(shard(bob, "t"))
        others.put(shard(bob, "u"))
        await faulty.until(lambda it: len(it.facts) == 3)
    assert "a bug in a room" in caplog.text


async def test_a_watcher_may_answer_what_it_is_told(world: World) -> None:
    alice, bob = await world.node("a"), await world.node("b")

    class Wanting(Recorder):
        def changed(self, node: str, fact_key: str, fact: RoomFact | None) -> None:
            super().changed(node, fact_key, fact)
            if node == alice.node and isinstance(fact, ShardFact):
                entry.put(WantFact(shard=f"{bob.node}:w", other=fact.shard, source="x"))

    entry = bob.enter("room", wanting := Wanting())
    seen = Recorder()
    alices = alice.enter("room", seen)
    for number in range(10):
        alices.put(shard(alice, str(number)))
    await seen.until(lambda it: len(it.facts) == 20)
    await wanting.until(lambda it: len(it.facts) == 20)


async def test_what_is_between_two_shards_is_told_to_the_other_ones_node_only(world: World) -> None:
    alice, bob, carol = [await world.node(name) for name in "abc"]
    seen, also = Recorder(), Recorder()
    entry = alice.enter("room", Recorder())
    for directory, recorder in ((bob, seen), (carol, also)):
        await directory.enter("room", recorder).synced()
    for number in range(5):
        entry.put(want(alice, bob.node, str(number)))
    entry.put(want(alice, carol.node))
    entry.drop(want(alice, bob.node, "0").key)
    entry.put(shard(alice, "s"))
    for recorder in (seen, also):
        await recorder.until(lambda it: (alice.node, shard(alice, "s").key) in it.facts)
    assert {fact.source for fact in seen.facts.values() if isinstance(fact, WantFact)} == {"1", "2", "3", "4"}
    assert [fact for fact in also.facts.values() if isinstance(fact, WantFact)] == [want(alice, carol.node)]


async def test_who_comes_later_reads_what_is_for_it_only(world: World) -> None:
    alice, bob, carol = [await world.node(name) for name in "abc"]
    entry = alice.enter("room", Recorder())
    entry.put(shard(alice, "s"))
    entry.put(want(alice, bob.node))
    entry.put(want(alice, carol.node))
    for directory in (bob, carol):
        late = Recorder()
        await directory.enter("room", late).synced()
        assert set(late.facts.values()) == {shard(alice, "s"), want(alice, directory.node)}


async def test_who_was_cut_off_reads_again_what_is_for_it(world: World) -> None:
    alice, bob, carol = [await world.node(name) for name in "abc"]
    seen = Recorder()
    entry = alice.enter("room", Recorder())
    entry.put(shard(alice, "s"))
    entry.put(want(alice, bob.node, "old"))
    bob.enter("room", seen)
    await seen.until(lambda it: len(it.facts) == 2)
    await world.cut(bob)
    entry.drop(want(alice, bob.node, "old").key)
    entry.put(want(alice, bob.node, "new"))
    entry.put(want(alice, carol.node))
    await world.heal(bob)
    expected = {(alice.node, fact.key): fact for fact in (shard(alice, "s"), want(alice, bob.node, "new"))}
    await seen.until(lambda it: it.facts == expected)


async def test_nobody_speaks_for_the_shards_of_others(world: World) -> None:
    alice, bob = await world.node("a"), await world.node("b")
    seen = Recorder()
    alice.enter("room", seen)
    liar = bob.enter("room", Recorder())
    lies: list[RoomFact] = [shard(alice, "s"), participant(alice, "p"), want(alice, alice.node)]
    for lie in lies:
        liar.put(lie)
    liar.put(shard(bob, "t"))
    await seen.until(lambda it: bool(it.facts))
    assert seen.facts == {(bob.node, shard(bob, "t").key): shard(bob, "t")}
    assert alice.refused["of another host's shard"] >= len(lies)


async def test_a_second_node_of_one_name_is_refused(world: World) -> None:
    first = await world.node("a")
    with pytest.raises(NameTakenError, match=first.node):
        await world.node("a")
    await first.close()
    await world.node("a")
