"""A room as a host has it, and its people's connections."""

from __future__ import annotations

from typing import Protocol

from miso.cluster.facts import Message, NodeFact
from miso.cluster.room import ClusterRoom, Member
from miso.cluster.room_facts import Change, Located, ParticipantLeft, RoomFacts, SourceCame, SourceChanged, SourceLeft
from tests.cluster.simulation.counts import Counts
from tests.cluster.simulation.directory import SimDirectory, SimEntry
from tests.cluster.simulation.media import SimProducer
from tests.cluster.simulation.scheduler import Scheduler, Work
from tests.cluster.simulation.shard import Planner, SimShard
from tests.cluster.simulation.store import Store


class Host(Protocol):
    """A host, as its rooms and clients need it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def node(self) -> str:
        """Its id."""

    @property
    def directory(self) -> SimDirectory:
        """What it knows of the others."""

    @property
    def store(self) -> Store:
        """What it shares with them."""

    @property
    def scheduler(self) -> Scheduler:
        """Time and chance."""

    @property
    def counts(self) -> Counts:
        """What is counted."""

    def after(self, delay_s: float, work: Work) -> None:
        """Does something then."""

    def run(self, work: Work) -> None:
        """Does something now."""

    def clock_ms(self) -> int:
        """The time, as it shows it."""

    def tell(self, seat: Seat, work: Work) -> None:
        """Lets a client know."""

    def clear(self, seat: Seat) -> None:
        """Nothing of a client is said any more."""

    def leave(self, seat: Seat) -> None:
        """A client is gone."""

    def produce(self, seat: Seat, source: str, *, is_data: bool) -> None:
        """A client sends something."""

    def watches_another_way(self, seat: Seat) -> None:
        """A client watches something else now."""


class Client(Protocol):
    """Who connects to a host."""

    @property
    def id(self) -> str:
        """Its id in the room."""

    @property
    def room(self) -> str:
        """Where it wants to be."""

    @property
    def watches(self) -> str:
        """What it watches: ``all``, ``half`` or ``none``."""

    @property
    def sends(self) -> int:
        """How many producers it has."""

    @property
    def region(self) -> str:
        """Where it is."""

    def is_at(self, seat: Seat) -> bool:
        """Whether it is still connected there."""

    def seated(self, seat: Seat) -> None:
        """It is in."""

    def retry(self, seat: Seat) -> None:
        """It is told to try again later."""

    def go_to(self, seat: Seat, node: NodeFact) -> None:
        """It is told to go to another host."""

    def sent_away(self, seat: Seat) -> None:
        """Its id is another one's now."""

    def lost(self, seat: Seat) -> None:
        """Its connection has ended."""


class Seat:
    """One client's connection to a host, and what the host has of it.

    Attributes:
        host: The host.
        client: Who.
        hops: How often it was sent from host to host before this one.
        passed: The hosts that it comes from.
        member: What is said of it; None: it is not in.
        shard: Where its media are.
        producers: What it sends.
    """

    def __init__(self, host: Host, client: Client, hops: int, passed: list[str]) -> None:
        self.host = host
        self.client = client
        self.hops = hops
        self.passed = passed
        self.member: Member | None = None
        self.shard: SimShard | None = None
        self.producers: list[SimProducer] = []
        self.is_over = False


class HostRoom:
    """A room as a host has it (the ``Listener`` of a ``ClusterRoom``).

    Attributes:
        room: What is said of it.
        seats: Who is in through this host, by id.
        shards: This host's, by worker.
        sources: What everybody sends, as the changes have told it.
    """

    def __init__(self, name: str, host: Host) -> None:
        self.seats: dict[str, Seat] = {}
        self.shards: dict[int, SimShard] = {}
        self.sources: dict[str, Located] = {}
        self.people: dict[str, str] = {}
        """Participant → node, as the changes have told it."""
        self.joining = 0
        self._host = host
        self._is_set = False
        self.room: ClusterRoom[SimShard] = ClusterRoom(
            name,
            host.directory,
            self,
            new_id=lambda node: f"{node}:{host.scheduler.random.getrandbits(64):016x}",
            clock_ms=host.clock_ms,
        )

    @property
    def entry(self) -> SimEntry:
        """What this host says of it."""
        return self._host.directory.entries[self.room.name]

    # ------------------------------------------------------------ what the room tells

    def happened(self, change: Change) -> None:
        match change:
            case SourceCame(located) | SourceChanged(_, located):
                self.sources[located.fact.id] = located
            case SourceLeft(located):
                if self.sources.get(located.fact.id, located).node == located.node:
                    self.sources.pop(located.fact.id, None)
            case _:
                seen = change.seen
                if isinstance(change, ParticipantLeft):
                    self.people.pop(seen.fact.participant, None)
                else:
                    self.people[seen.fact.participant] = seen.node
                return
        if isinstance(change, SourceChanged) and change.located.node == self._host.node:
            for shard in self.shards.values():
                if shard.id == change.located.fact.shard:
                    shard.source_changed(change.located.fact)
        self.look_at_wants()

    def displaced(self, participant: str) -> None:
        seat = self.seats.pop(participant, None)
        if seat is not None:
            self._host.counts.displaced += 1
            self._host.clear(seat)
            self._host.tell(seat, lambda: seat.client.sent_away(seat))

    def said(self, message: Message) -> None:
        """Nothing is said in simulations."""

    # ------------------------------------------------------------ what its people want

    def look_at_wants(self) -> None:
        """What they use may be something else now."""
        if not self._is_set:
            self._is_set = True
            self._host.after(0.002, self._want)

    def _want(self) -> None:
        self._is_set = False
        watching: dict[str, set[str]] = {shard.id: set() for shard in self.shards.values()}
        for seat in self.seats.values():
            if seat.shard is not None:
                watching[seat.shard.id].add(seat.client.watches)
        for shard in self.shards.values():
            watches = watching[shard.id]
            shard.use(
                {
                    source: located.fact.shard
                    for source, located in self.sources.items()
                    if located.fact.shard != shard.id
                    and ("all" in watches or ("half" in watches and source[-1] in "01234567"))
                }
            )

    # ------------------------------------------------------------ its shards

    def shard_on(self, worker: int, planner: Planner) -> SimShard:
        """The room's shard in a worker, made if there is none."""
        shard = self.shards.get(worker)
        if shard is None:
            host = self._host

            def make(shard_id: str, facts: RoomFacts, _: object) -> SimShard:
                return SimShard(
                    shard_id, worker, facts, self.entry, host, host.scheduler, host.store.weather, host.counts, planner
                )

            shard = self.shards[worker] = self.room.open(make)
            host.counts.shards += 1
        return shard

    def close_empty(self) -> None:
        """Ends shards that nobody is on."""
        used = {seat.shard.id for seat in self.seats.values() if seat.shard is not None}
        for worker, shard in list(self.shards.items()):
            if shard.id not in used and not self.joining:
                self.end(worker)

    def end(self, worker: int) -> None:
        """Ends a worker's shard."""
        self.room.end(self.shards.pop(worker))
