"""A node that lies: what it costs the others, where, and for how long."""

from __future__ import annotations

import pytest

from miso.cluster.room_facts import MAX_SHARDS_OF_NODE
from tests.cluster.simulation.invariants import broken
from tests.cluster.simulation.liar import KINDS, Liar
from tests.cluster.simulation.shard import SHORTEST_REMAKE_S, SimShard
from tests.cluster.simulation.weather import Weather
from tests.cluster.simulation.world import Size, World

SIZE = Size(hosts=5, participants=40, faults_s=30.0)
ROOM = "room0"
LIES_S = 25.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(1, 3))
def test_what_a_liar_does_stays_in_its_room_and_ends_with_it(kind: str, seed: int) -> None:
    world = World(seed, SIZE, Weather())
    wrong_elsewhere: list[str] = []
    most_ends: list[int] = []

    def lie(world: World) -> None:
        liar = Liar(ROOM, kind, world.store)

        def found_out() -> None:
            assert liar.told > 20
            most_ends.append(max(len(shard.ends) for shard in shards_of(world)))
            wrong = broken(world, rest_s=0.0)
            wrong_elsewhere.extend(line for line in wrong if f"{ROOM}/" not in line and f"{ROOM}:" not in line)
            liar.die()

        world.scheduler.after(LIES_S, found_out)

    world.run(lie)
    assert wrong_elsewhere == []
    assert broken(world) == [], "when it is gone"
    assert max(most_ends) <= MAX_SHARDS_OF_NODE + len(shards_of(world))
    for shard in shards_of(world):
        pipes = max(2, len(shard.ends))
        assert shard.remakes.total() <= pipes * (LIES_S / SHORTEST_REMAKE_S + 2)
    if kind == "tokens":
        assert max(shard.remakes.total() for shard in shards_of(world)) > 3, (
            "it has no effect, so that this shows nothing"
        )


def shards_of(world: World) -> list[SimShard]:
    return [shard for host in world.hosts for room in host.rooms.values() for shard in room.shards.values()]
