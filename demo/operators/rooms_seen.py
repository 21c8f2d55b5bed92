"""The server's rooms as operators see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from miso.cluster.room_facts import RoomFacts
from miso.controller import Worker
from miso.demo.operators.cluster_report import OwnShard
from miso.demo.rooms.room import Room
from miso.demo.rooms.rooms import Rooms
from miso.demo.workers.worker_loads import WorkerLoads


class RoomView:
    """One room, for the report.

    Attributes:
        name: What it is called.
        facts: All that is said of it.
    """

    def __init__(self, room: Room, numbers: Mapping[Worker, int]) -> None:
        self.name = room.id
        self.facts: RoomFacts = room.cluster.facts
        self._room = room
        self._numbers = numbers

    @property
    def own(self) -> Mapping[str, OwnShard]:
        """This host's parts of it, by id."""
        return {
            shard.id: OwnShard(self._numbers.get(shard.worker), shard.faults, shard.pipes)
            for shard in self._room.shards.all
        }


def rooms_seen(rooms: Rooms, loads: WorkerLoads) -> Iterator[RoomView]:
    """All rooms that this host has a part of."""
    numbers = loads.numbers
    return (RoomView(room, numbers) for room in rooms.rooms)
