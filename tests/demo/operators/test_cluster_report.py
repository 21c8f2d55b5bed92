"""The report of the cluster: what is in it, in which order, and that it has an end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from miso.cluster.facts import NodeFact, ShardFact, WorkerLoad
from miso.cluster.room_facts import RoomFacts
from miso.cluster.shard.shard import PipeState
from miso.demo.operators import cluster_report as limits
from miso.demo.operators.cluster_report import OwnShard, cluster_report
from tests.cluster.said import participant

PIPE = PipeState(other="s2", data=False, connected=True, encrypted=True, sent=3, copies=4, refused=5)
MARKUP = "<img src=x onerror=alert(1)>"


@dataclass
class Directory:
    node: str = "a-00000001"
    nodes: dict[str, NodeFact] = field(default_factory=dict)
    is_away: bool = False
    refused: Mapping[str, int] = field(default_factory=Counter)


@dataclass
class Room:
    name: str
    facts: RoomFacts = field(default_factory=RoomFacts)
    own: dict[str, OwnShard] = field(default_factory=dict)

    def shard(self, node: str, shard: str, *people: str) -> None:
        fact = ShardFact(shard=shard)
        self.facts.change(node, fact.key, fact)
        for person in people:
            one = participant(person, shard)
            self.facts.change(node, one.key, one)


def report_of(directory: Directory, *rooms: Room, limit: int = limits.DEFAULT_ROOMS) -> Any:
    return cluster_report(directory, rooms, limit=limit)


def test_of_one_host_without_rooms() -> None:
    load = WorkerLoad(worker=0, cpu=0.123456, packets_per_s=9.99, shards=1)
    fact = NodeFact(node="a-00000001", name="a", region="eu", version="1", ip="10.0.0.1", workers=[load])
    report = report_of(Directory(nodes={fact.node: fact}))
    assert report == {
        "node": "a-00000001",
        "storeAway": False,
        "refused": {},
        "nodes": [
            {
                "node": "a-00000001",
                "name": "a",
                "region": "eu",
                "version": "1",
                "ip": "10.0.0.1",
                "url": "",
                "draining": False,
                "rooms": 0,
                "participants": 0,
                "workers": [{"worker": 0, "cpu": 0.1235, "packetsPerSecond": 10.0, "shards": 1}],
            }
        ],
        "moreNodes": 0,
        "rooms": [],
        "moreRooms": 0,
    }


def test_a_room_has_the_parts_of_all_hosts_and_this_hosts_have_worker_and_pipes() -> None:
    room = Room(MARKUP, own={"s1": OwnShard(1, 2, [PIPE])})
    room.shard("b-00000002", "s0", "d")
    room.shard("a-00000001", "s1", "e", "f")
    [shown] = report_of(Directory(is_away=True), room)["rooms"]
    assert shown == {
        "name": MARKUP,
        "participants": 3,
        "shards": [
            {
                "shard": "s1",
                "node": "a-00000001",
                "participants": 2,
                "own": {
                    "worker": 1,
                    "failedSteps": 2,
                    "pipes": [
                        {
                            "other": "s2",
                            "data": False,
                            "connected": True,
                            "encrypted": True,
                            "sent": 3,
                            "copies": 4,
                            "refused": 5,
                        }
                    ],
                    "morePipes": 0,
                },
            },
            {"shard": "s0", "node": "b-00000002", "participants": 1},
        ],
        "moreShards": 0,
    }


def test_who_is_claimed_by_two_hosts_is_counted_where_everybody_sees_it() -> None:
    room = Room("r")
    room.shard("a-00000001", "s1", "e")
    room.shard("b-00000002", "s2", "e")
    [shown] = report_of(Directory(), room)["rooms"]
    assert shown["participants"] == 1
    assert [(one["shard"], one["participants"]) for one in shown["shards"]] == [("s1", 0), ("s2", 1)]


def test_the_rooms_with_most_parts_and_people_come_first_and_the_others_are_counted() -> None:
    small, full, wide = Room("small"), Room("full"), Room("wide")
    small.shard("a", "s")
    full.shard("a", "s", "p", "q")
    wide.shard("a", "s")
    wide.shard("a", "t")
    report = report_of(Directory(), small, full, wide, limit=2)
    assert [room["name"] for room in report["rooms"]] == ["wide", "full"]
    assert report["moreRooms"] == 1


def test_however_much_hosts_say_the_report_has_an_end() -> None:
    workers = [WorkerLoad(worker=number, cpu=0, packets_per_s=0, shards=0) for number in range(1024)]
    nodes = {
        f"n{number}-00000001": NodeFact(node=f"n{number}-00000001", name=f"n{number}", ip="1.2.3.4", workers=workers)
        for number in range(300)
    }
    room = Room("r", own={"s0": OwnShard(None, 0, [PIPE] * 300)})
    for number in range(300):
        room.shard(f"{'bc'[number % 2]}-00000002", f"s{number}")
    report = report_of(Directory(nodes=nodes), room)
    assert (len(report["nodes"]), report["moreNodes"]) == (limits.MAX_NODES, 300 - limits.MAX_NODES)
    assert {len(node["workers"]) for node in report["nodes"]} == {limits.MAX_WORKERS}
    [shown] = report["rooms"]
    assert (len(shown["shards"]), shown["moreShards"]) == (limits.MAX_SHARDS, 300 - limits.MAX_SHARDS)
    own = shown["shards"][0]["own"]
    assert (len(own["pipes"]), own["morePipes"], own["worker"]) == (limits.MAX_PIPES, 300 - limits.MAX_PIPES, None)
