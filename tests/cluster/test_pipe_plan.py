"""What a shard does about its pipes."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from miso.cluster.facts import PipedFact, PipeEndFact, RoomFact, ShardFact
from miso.cluster.pipe_plan import (
    CloseEnd,
    Connect,
    Copy,
    Held,
    HeldEnd,
    MakeEnd,
    Pipe,
    PipeName,
    RemakeEnd,
    Step,
    Uncopy,
    Unpipe,
    is_same_copy,
    plan,
)
from miso.cluster.room_facts import RoomFacts
from tests.cluster.said import data_producer, end, participant, piped, producer, want

MEDIA, DATA = PipeName("t", False), PipeName("t", True)
NOTHING = Held({}, {}, {})


def room(*more: RoomFact) -> RoomFacts:
    """One at ``s`` (node ``a``) sends ``x``, which ``t`` (node ``b``) wants; and what else the two say."""
    facts = RoomFacts()
    mine: list[RoomFact] = [ShardFact(shard="s"), participant("p"), producer("x"), data_producer("d")]
    theirs: list[RoomFact] = [ShardFact(shard="t"), want("t", "x")]
    for fact in (*mine, *theirs, *more):
        shard = getattr(fact, "shard", "s")
        facts.change("b" if shard == "t" else "a", fact.key, fact)
    return facts


def held(token: str, remote: str = "", *, sent: bool = False) -> Held:
    return Held({MEDIA: HeldEnd(token, remote)}, {("t", "x"): token} if sent else {}, {})


def test_each_side_makes_its_end_connects_it_and_sends() -> None:
    assert plan(room(), "s", NOTHING) == [MakeEnd(MEDIA)]
    assert plan(room(), "t", NOTHING) == [MakeEnd(PipeName("s", False))]
    mine = end("s", "t", "1")
    assert plan(room(mine), "s", held("1")) == []
    theirs = end("t", "s", "2")
    assert plan(room(mine, theirs), "s", held("1")) == [Connect(MEDIA, theirs)]
    connected = end("s", "t", "1", "2")
    assert plan(room(connected, theirs), "s", held("1", "2")) == [Pipe(MEDIA, producer("x"))]
    assert plan(room(connected, theirs, piped("s", "t", "x", "1")), "s", held("1", "2", sent=True)) == []


def test_the_other_side_copies_what_comes_over_its_present_end() -> None:
    to_s = PipeName("s", False)
    ends = (end("s", "t", "1", "2"), end("t", "s", "2", "1"))
    mine = Held({to_s: HeldEnd("2", "1")}, {}, {})
    assert plan(room(*ends), "t", mine) == []
    sent = piped("s", "t", "x", "1")
    assert plan(room(*ends, sent), "t", mine) == [Copy(producer("x"), sent)]
    assert plan(room(*ends, piped("s", "t", "x", "0")), "t", mine) == [], "over an end that is gone"
    has_copy = mine._replace(copies={"x": sent})
    assert plan(room(*ends, sent), "t", has_copy) == []
    paused = piped("s", "t", "x", "1", paused=True)
    assert plan(room(*ends, paused), "t", has_copy) == [Copy(producer("x"), paused)]
    assert is_same_copy(sent, paused)
    assert plan(room(*ends), "t", has_copy) == [], "it will be sent again"


def test_an_end_whose_other_end_is_another_one_now_is_made_anew() -> None:
    connected = end("s", "t", "1", "2")
    assert plan(room(connected, end("t", "s", "3")), "s", held("1", "2", sent=True)) == [RemakeEnd(MEDIA)]
    assert plan(room(connected), "s", held("1", "2", sent=True)) == [RemakeEnd(MEDIA)]
    # and who was made anew waits until the other one is, too
    to_s = PipeName("s", False)
    assert plan(room(connected, end("t", "s", "3")), "t", Held({to_s: HeldEnd("3", "")}, {}, {})) == []


def test_what_nobody_wants_any_more_ends() -> None:
    facts = room(end("s", "t", "1", "2"), end("t", "s", "2", "1"), piped("s", "t", "x", "1"))
    facts.change("b", want("t", "x").key, None)
    assert plan(facts, "s", held("1", "2", sent=True)) == [Unpipe("t", "x"), CloseEnd(MEDIA)]
    mine = Held({PipeName("s", False): HeldEnd("2", "1")}, {}, {"x": piped("s", "t", "x", "1")})
    assert plan(facts, "t", mine) == [Uncopy("x"), CloseEnd(PipeName("s", False))]


def test_data_have_a_pipe_of_their_own() -> None:
    assert plan(room(want("t", "d")), "s", NOTHING) == [MakeEnd(MEDIA), MakeEnd(DATA)]


def test_the_others_death_ends_all() -> None:
    facts = room(end("s", "t", "1", "2"), end("t", "s", "2", "1"), piped("s", "t", "x", "1"))
    facts.forget("b")
    assert plan(facts, "s", held("1", "2", sent=True)) == [Unpipe("t", "x"), CloseEnd(MEDIA)]


class World:
    """Two nodes and their shards, who hear of each other in any order, late and twice; their ends break."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.seen = {"a": RoomFacts(), "b": RoomFacts()}
        self.shards = {"a": "s", "b": "t"}
        self.said: dict[str, dict[str, RoomFact]] = {"a": {}, "b": {}}
        self.late: list[tuple[str, str]] = []
        """Who does not know the latest of which fact."""
        self.ends: dict[str, dict[PipeName, HeldEnd]] = {"a": {}, "b": {}}
        self.copies: dict[str, dict[str, PipedFact]] = {"a": {}, "b": {}}
        self.tokens = 0
        self.steps = 0

    def say(self, node: str, fact: RoomFact) -> None:
        self.said[node][fact.key] = fact
        self._spread(node, fact.key)

    def take_back(self, node: str, key: str) -> None:
        if self.said[node].pop(key, None) is not None:
            self._spread(node, key)

    def _spread(self, node: str, key: str) -> None:
        self.seen[node].change(node, key, self.said[node].get(key))
        self.late.extend([(node, key)] * self.random.choice((1, 1, 2)))

    def hear(self) -> None:
        node, key = self.late.pop(self.random.randrange(len(self.late)))
        other = "b" if node == "a" else "a"
        self.seen[other].change(node, key, self.said[node].get(key))

    def held(self, node: str) -> Held:
        sent = {(one.other, one.source): one.token for one in self.said[node].values() if isinstance(one, PipedFact)}
        return Held(dict(self.ends[node]), sent, dict(self.copies[node]))

    def plan(self, node: str) -> list[Step]:
        return plan(self.seen[node], self.shards[node], self.held(node))

    def look(self, node: str) -> bool:
        steps = self.plan(node)
        if steps:
            self.steps += 1
            self.do(node, self.random.choice(steps))
        return bool(steps)

    def do(self, node: str, step: Step) -> None:
        shard, ends = self.shards[node], self.ends[node]
        match step:
            case MakeEnd(pipe) | RemakeEnd(pipe):
                self.tokens += 1
                ends[pipe] = HeldEnd(f"{node}{self.tokens}", "")
                self._say_end(node, pipe)
            case Connect(pipe, to):
                ends[pipe] = HeldEnd(ends[pipe].token, to.token)
                self._say_end(node, pipe)
            case CloseEnd(pipe):
                del ends[pipe]
                self.take_back(node, end(shard, pipe.other, "x", data=pipe.data).key)
            case Pipe(pipe, source):
                self.say(node, piped(shard, pipe.other, source.id, ends[pipe].token))
            case Unpipe(other, source):
                self.take_back(node, f"piped/{shard}/{other}/{source}")
            case Copy(source, sent):
                self.copies[node][source.id] = sent
            case Uncopy(source):
                del self.copies[node][source]

    def _say_end(self, node: str, pipe: PipeName) -> None:
        one = self.ends[node][pipe]
        self.say(node, end(self.shards[node], pipe.other, one.token, one.remote, data=pipe.data))

    def break_an_end(self) -> None:
        node = self.random.choice("ab")
        for pipe in self.ends[node]:
            self.do(node, RemakeEnd(pipe))
            return

    def until_quiet(self) -> None:
        for _ in range(3000):
            nodes = self.random.sample("ab", 2)
            if self.late and self.random.random() < 0.5:
                self.hear()
            elif not any(self.look(node) for node in nodes) and not self.late:
                return
        pytest.fail("there is no end of it")


def story(world: World) -> Iterator[None]:
    for fact in (ShardFact(shard="s"), participant("p"), producer("x"), data_producer("d"), want("s", "y", "t")):
        world.say("a", fact)
    for fact in (ShardFact(shard="t"), participant("q", "t"), producer("y", "q", "t"), want("t", "x"), want("t", "d")):
        world.say("b", fact)
    yield
    for _ in range(8):
        world.break_an_end()
        for _ in range(world.random.randrange(12)):
            if world.late and world.random.random() < 0.5:
                world.hear()
            else:
                world.look(world.random.choice("ab"))
    yield


@pytest.mark.parametrize("seed", range(60))
def test_however_late_and_often_they_hear_and_ends_break_it_comes_to_rest(seed: int) -> None:
    world = World(seed)
    for _ in story(world):
        world.until_quiet()
        assert set(world.copies["a"]) == {"y"}
        assert set(world.copies["b"]) == {"x", "d"}
        for node, other in ("ab", "ba"):
            for pipe, one in world.ends[node].items():
                back = world.ends[other][PipeName(world.shards[node], pipe.data)]
                assert (one.remote, back.remote) == (back.token, one.token)
    for key in (want("t", "x").key, want("t", "d").key):
        world.take_back("b", key)
    world.take_back("a", want("s", "y", "t").key)
    world.until_quiet()
    for node in "ab":
        assert (world.ends[node], world.copies[node]) == ({}, {})
        assert not any(isinstance(one, PipedFact | PipeEndFact) for one in world.said[node].values())
