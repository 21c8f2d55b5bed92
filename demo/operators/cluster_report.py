"""The cluster as one host knows it, as JSON: hosts with their load, and the rooms that this host has a part of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from miso.cluster.facts import NodeFact, WorkerLoad
from miso.cluster.room_facts import RoomFacts
from miso.cluster.shard.shard import PipeState
from miso.demo.hosts.nodes import Nodes
from miso.demo.json import Json

MAX_NODES: Final = 256
MAX_WORKERS: Final = 256
"""Of one host; what other hosts say of themselves may be longer."""
MAX_SHARDS: Final = 256
"""Of one room."""
MAX_PIPES: Final = 256
"""Of one shard."""
MAX_ROOMS: Final = 500
DEFAULT_ROOMS: Final = 50


class Directory(Nodes, Protocol):
    """What is shown of a cluster's ``Directory``."""

    @property
    def refused(self) -> Mapping[str, int]:
        """What was found in the store and not believed: how often, by the reason."""


@dataclass(frozen=True, slots=True)
class OwnShard:
    """A part of a room in one of this host's workers.

    Attributes:
        worker: Which one, as this host counts them; None: it has died just now.
        failed_steps: How many steps have failed so far, of those that join it with other parts.
        pipes: To other parts.
    """

    worker: int | None
    failed_steps: int
    pipes: Sequence[PipeState]


class RoomSeen(Protocol):
    """A room that this host has a part of."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def facts(self) -> RoomFacts:
        """All that is said of it."""

    @property
    def own(self) -> Mapping[str, OwnShard]:
        """This host's parts of it, by id."""


def cluster_report(directory: Directory, rooms: Iterable[RoomSeen], *, limit: int = DEFAULT_ROOMS) -> Json:
    """What ``/api/cluster`` answers.

    Args:
        directory: What all hosts say.
        rooms: All rooms that this host has a part of. Those with the most parts come first, then those with the most
            participants.
        limit: So many rooms are described; of the others it is said how many there are.
    """
    all_rooms = list(rooms)
    shown = sorted(all_rooms, key=_size, reverse=True)[:limit]
    nodes = sorted(directory.nodes.values(), key=lambda fact: (fact.name, fact.node))
    return {
        "node": directory.node,
        "storeAway": directory.is_away,
        "refused": dict(directory.refused),
        "nodes": [_node(fact) for fact in nodes[:MAX_NODES]],
        "moreNodes": len(nodes[MAX_NODES:]),
        "rooms": [_room(room) for room in shown],
        "moreRooms": len(all_rooms) - len(shown),
    }


def _size(room: RoomSeen) -> tuple[int, int]:
    return sum(1 for _ in room.facts.shards), room.facts.participant_count


def _node(fact: NodeFact) -> Json:
    return {
        "node": fact.node,
        "name": fact.name,
        "region": fact.region,
        "version": fact.version,
        "ip": fact.ip,
        "url": fact.url,
        "draining": fact.draining,
        "rooms": fact.rooms,
        "participants": fact.participants,
        "workers": [_worker(load) for load in fact.workers[:MAX_WORKERS]],
    }


def _worker(load: WorkerLoad) -> Json:
    return {
        "worker": load.worker,
        "cpu": round(load.cpu, 4),
        "packetsPerSecond": round(load.packets_per_s, 1),
        "shards": load.shards,
    }


def _room(room: RoomSeen) -> Json:
    facts = room.facts
    people = Counter(seen.fact.shard for seen in facts.participants)
    own = room.own
    shards = sorted(facts.shards, key=lambda shard: (shard[0] not in own, shard))
    return {
        "name": room.name,
        "participants": facts.participant_count,
        "shards": [_shard(shard, node, people[shard], own.get(shard)) for shard, node in shards[:MAX_SHARDS]],
        "moreShards": len(shards[MAX_SHARDS:]),
    }


def _shard(shard: str, node: str, participants: int, own: OwnShard | None) -> Json:
    shown: Json = {"shard": shard, "node": node, "participants": participants}
    if own is not None:
        shown["own"] = {
            "worker": own.worker,
            "failedSteps": own.failed_steps,
            "pipes": [_pipe(pipe) for pipe in islice(own.pipes, MAX_PIPES)],
            "morePipes": max(0, len(own.pipes) - MAX_PIPES),
        }
    return shown


def _pipe(pipe: PipeState) -> Json:
    return {
        "other": pipe.other,
        "data": pipe.data,
        "connected": pipe.connected,
        "encrypted": pipe.encrypted,
        "sent": pipe.sent,
        "copies": pipe.copies,
        "refused": pipe.refused,
    }
