"""Two nodes in one room, of which each sees what the other says."""

from __future__ import annotations

from dataclasses import dataclass

from miso.cluster.directory.redis.redis_directory import RedisDirectory
from miso.cluster.directory.redis.room import Room
from miso.cluster.facts import NodeFact
from tests.cluster.directory.recorder import Recorder, participant, shard, until
from tests.cluster.directory.redis.world import RedisWorld

ROOM = "room"


def node_fact(directory: RedisDirectory, rooms: int = 0) -> NodeFact:
    return NodeFact(node=directory.node, name="n", ip="10.0.0.1", rooms=rooms)


@dataclass
class Member:
    """A node in the room."""

    directory: RedisDirectory
    entry: Room
    seen: Recorder

    @property
    def node(self) -> str:
        """Its id."""
        return self.directory.node


@dataclass
class Pair:
    """Two of them."""

    one: Member
    other: Member

    @property
    def union(self) -> dict[tuple[str, str], object]:
        """What both should see."""
        return {
            (member.directory.node, fact.key): fact
            for member in (self.one, self.other)
            for fact in member.entry.view.own.values()
        }

    async def see_the_same(self) -> None:
        """Waits until both see what both say, and nobody is away."""
        for member in (self.one, self.other):
            await member.seen.until(lambda it: it.facts == self.union)
        both = {self.one.directory.node, self.other.directory.node}
        for member in (self.one, self.other):
            await until(lambda member=member: not member.directory.is_away)  # type: ignore[misc]
            await until(lambda member=member: set(member.directory.nodes) == both)  # type: ignore[misc]

    def nobody_went(self) -> bool:
        """Whether no fact was ever taken back."""
        return not any(fact is None for member in (self.one, self.other) for _, _, fact in member.seen.told)


async def member_of(directory: RedisDirectory, room: str = ROOM) -> Member:
    """Enters a room."""
    seen = Recorder()
    directory.announce(node_fact(directory))
    return Member(directory, directory.enter(room, seen), seen)


async def pair_in(world: RedisWorld) -> Pair:
    """Starts two nodes; each says two facts."""
    one, other = await member_of(await world.node("a")), await member_of(await world.node("b"))
    for member in (one, other):
        member.entry.put(shard(member, member.directory.node))
        member.entry.put(participant(member, "p" + member.directory.node))
    pair = Pair(one, other)
    await pair.see_the_same()
    return pair
