"""What must be true when all has come to rest."""

from __future__ import annotations

from collections.abc import Iterator

from miso.cluster.facts import RoomFact, addressee
from miso.cluster.pipe_plan import PipeName
from tests.cluster.simulation.host import SimHost
from tests.cluster.simulation.host_room import HostRoom
from tests.cluster.simulation.shard import SimShard
from tests.cluster.simulation.world import World

REST_S = 8.0
MOST_REMAKES = 12
"""Of one end of a pipe in a whole run, however often it broke; a large room's shard has a hundred ends."""


def broken(world: World, *, rest_s: float = REST_S) -> list[str]:
    """What is not true that should be; empty when all is well.

    Args:
        world: The world, in which all has come to rest.
        rest_s: So long nothing may happen after it was looked at.
    """
    wrong = [*_people(world), *_views(world), *_media(world)]
    if not rest_s:
        return wrong
    steps = world.counts.steps
    world.scheduler.run_until(world.scheduler.now_s + rest_s)
    if world.counts.steps != steps:
        wrong.append(f"{world.counts.steps - steps} steps are done though all should be at rest")
    return wrong


def _rooms(world: World) -> dict[str, dict[str, tuple[SimHost, HostRoom]]]:
    """Room → node → who has it."""
    rooms: dict[str, dict[str, tuple[SimHost, HostRoom]]] = {}
    for host in world.hosts:
        for name, room in host.rooms.items():
            rooms.setdefault(name, {})[host.node] = host, room
    return rooms


def _people(world: World) -> Iterator[str]:
    """Each participant is on exactly one shard, and everybody in the room sees it there."""
    rooms = _rooms(world)
    held: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, nodes in rooms.items():
        for node, (_, room) in nodes.items():
            for seat in room.seats.values():
                shard = seat.shard
                assert shard is not None
                held.setdefault((name, seat.client.id), []).append((node, shard.id))
                if room.shards.get(shard.worker) is not shard:
                    yield f"{seat.client.id} is on the shard {shard.id} of {node}, which has ended"
    for person in world.people:
        where = held.pop((person.room, person.id), [])
        if person.wants_in != (len(where) == 1) or person.wants_in != person.is_in:
            yield f"{person.id} wants in: {person.wants_in}, is in: {person.is_in}, and is on {where}"
        for node, shard_id in where:
            if person.seat is None or person.seat.host.node != node:
                yield f"{person.id} is connected to {person.seat and person.seat.host.node}, and is on {where}"
            for other, (_, room) in rooms[person.room].items():
                seen = room.room.facts.participant(person.id)
                if seen is None or (seen.node, seen.fact.shard) != (node, shard_id):
                    yield f"{other} sees {person.id} as {seen}, it is at {node} on {shard_id}"
                if room.people.get(person.id) != node:
                    yield f"{other} was told that {person.id} is at {room.people.get(person.id)}, it is at {node}"
    for (name, who), where in held.items():
        yield f"{who} of {name} is nobody, and is on {where}"


def _views(world: World) -> Iterator[str]:
    """What each host knows of a room is what the hosts in it hold, and so is what the store has."""
    rooms = _rooms(world)
    for name, nodes in rooms.items():
        holds = {node: dict(room.entry.view.own) for node, (_, room) in nodes.items()}
        told = _told(holds)
        for node, (_, room) in nodes.items():
            if room.entry.reading:
                yield f"{node} in {name} waits for answers about {sorted(room.entry.reading)}"
            facts = room.room.facts
            seen: dict[str, dict[str, RoomFact]] = {one: dict(facts.of_node(one)) for one in facts.nodes}
            yield from _differences(f"{node} in {name}", seen, {**told.get(node, {}), node: holds[node]})
            sources = {
                located.fact.id: located
                for seen_one in facts.participants
                for located in facts.sources_of(seen_one.fact.participant)
            }
            if sources != room.sources:
                yield f"{node} in {name} was told of {len(room.sources)} sources, and there are {len(sources)}"
        kept = {node: one.facts for node, one in world.store.rooms.get(name, {}).items()}
        yield from _differences(f"the store in {name}", kept, holds)
    for name in world.store.rooms.keys() - rooms.keys():
        if {node.rpartition("-")[0] for node in world.store.rooms[name]} & {host.name for host in world.hosts}:
            live = {host.node for host in world.hosts}
            if world.store.rooms[name].keys() & live:
                yield f"the store has {name}, which nobody has"


def _told(holds: dict[str, dict[str, RoomFact]]) -> dict[str, dict[str, dict[str, RoomFact]]]:
    """What each node in a room is to know of the others: reader → node → key → fact."""
    for_all: dict[str, dict[str, RoomFact]] = {}
    for_one: dict[str, dict[str, dict[str, RoomFact]]] = {}
    for node, facts in holds.items():
        for key, fact in facts.items():
            to = addressee(key)
            if to is None:
                for_all.setdefault(node, {})[key] = fact
            elif to != node:
                for_one.setdefault(to, {}).setdefault(node, {})[key] = fact
    told = {}
    for reader in holds:
        own = for_one.get(reader, {})
        told[reader] = {
            node: {**for_all.get(node, {}), **own[node]} if node in own else for_all.get(node, {}) for node in holds
        }
    return told


def _differences(who: str, seen: dict[str, dict[str, RoomFact]], true: dict[str, dict[str, RoomFact]]) -> Iterator[str]:
    for node in sorted(seen.keys() | true.keys()):
        has, should = seen.get(node, {}), true.get(node, {})
        if has == should:
            continue
        if node not in true and who.startswith("the store"):
            continue  # one that died: it is deleted when its time to live is over
        for key in sorted(has.keys() | should.keys()):
            if has.get(key) != should.get(key):
                yield f"{who}: {node} says {key} is {should.get(key)}, seen is {has.get(key)}"


def _media(world: World) -> Iterator[str]:
    """What is wanted arrives, over ends that are connected with each other, and there is nothing else."""
    for name, nodes in _rooms(world).items():
        shards: dict[str, SimShard] = {shard.id: shard for _, room in nodes.values() for shard in room.shards.values()}
        needed: dict[str, set[PipeName]] = {shard: set() for shard in shards}
        arriving: dict[str, set[str]] = {shard: set() for shard in shards}
        sent: dict[str, set[tuple[str, str]]] = {shard: set() for shard in shards}
        for _, room in nodes.values():
            sources = {
                located.fact.id: located
                for seen in room.room.facts.participants
                for located in room.room.facts.sources_of(seen.fact.participant)
            }
            for shard in room.shards.values():
                watches = {seat.client.watches for seat in room.seats.values() if seat.shard is shard}
                for source, located in sources.items():
                    is_watched = "all" in watches or ("half" in watches and source[-1] in "01234567")
                    origin = shards.get(located.fact.shard)
                    if not is_watched or origin is shard:
                        continue
                    if origin is None:
                        yield f"{name}: {source} is on {located.fact.shard}, which is not there"
                        continue
                    is_data = not hasattr(located.fact, "producer")
                    needed[shard.id].add(PipeName(origin.id, is_data))
                    needed[origin.id].add(PipeName(shard.id, is_data))
                    sent[origin.id].add((shard.id, source))
                    arriving[shard.id].add(source)
                    why = _why_not(origin, shard, source, PipeName(origin.id, is_data))
                    if why:
                        yield f"{name}: {source} does not arrive from {origin.id} at {shard.id}: {why}"
                    copy = shard.copies.get(source)
                    if copy and copy.paused != getattr(located.fact, "paused", False):
                        yield f"{name}: {source} is paused on one side only, {origin.id} to {shard.id}"
        for shard in shards.values():
            extra = shard.copies.keys() - arriving[shard.id]
            if extra:
                yield f"{name}: {shard.id} has copies of {sorted(extra)} which nobody wants"
            if shard.ends.keys() != needed[shard.id]:
                yield f"{name}: {shard.id} has the pipes {sorted(shard.ends)}, and needs {sorted(needed[shard.id])}"
            if shard.piped.keys() != sent[shard.id]:
                yield f"{name}: {shard.id} pipes {sorted(shard.piped)}, wanted are {sorted(sent[shard.id])}"
            for pipe, times in shard.remakes.most_common(1):
                if times > MOST_REMAKES:
                    yield f"{name}: {shard.id} has made its end of {pipe} anew {times} times"


def _why_not(origin: SimShard, shard: SimShard, source: str, pipe: PipeName) -> str:
    """Why packets of a source do not come from one shard to the other; "": they do."""
    mine = shard.ends.get(pipe)
    theirs = origin.ends.get(PipeName(shard.id, pipe.data))
    if mine is None or theirs is None:
        return f"ends {mine} and {theirs}"
    if mine.remote != theirs.token or theirs.remote != mine.token:
        return f"the ends {mine} and {theirs} are not connected with each other"
    if origin.piped.get((shard.id, source)) != theirs.token:
        return f"it is sent over {origin.piped.get((shard.id, source))}, the end is {theirs.token}"
    copy = shard.copies.get(source)
    if copy is None or shard.copied_over.get(source) != mine.token or copy.token != theirs.token:
        return f"its copy is {copy}, the ends {mine} and {theirs}"
    return ""
