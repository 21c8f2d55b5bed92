"""The store that hosts share, with the troubles that a network and a store have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple, Protocol

from miso.cluster.facts import Message, NodeFact, RoomFact
from tests.cluster.simulation.scheduler import Scheduler
from tests.cluster.simulation.weather import Weather

LEASE_S = 4.0
_LOST_NOTICED_S = 3.0


class Link(Protocol):
    """A node's connection to the store, as the store needs it."""

    @property
    def node(self) -> str:
        """Whose."""

    def arrive(self, news: list[News]) -> None:
        """News are on their way."""

    def hear(self, news: list[News]) -> None:
        """News are there."""

    def told(self, room: str, node: str, message: Message) -> None:
        """Another node has said something."""


class News(NamedTuple):
    """One change.

    Attributes:
        room: In which room.
        node: Who says it.
        number: It counts what this node says in the room.
        key: Of the fact; "": the node has left the room.
        fact: None: it is gone.
        is_lost: Whether nothing but the number has arrived.
    """

    room: str
    node: str
    number: int
    key: str
    fact: RoomFact | None
    is_lost: bool = False


class Kept:
    """What one node says in one room, as the store has it.

    Attributes:
        facts: By their keys.
        number: Of the last change.
        is_whole: Whether it is all that the node says: not, when the store has lost it and a change came after that.
    """

    def __init__(self, facts: dict[str, RoomFact], number: int, *, is_whole: bool = True) -> None:
        self.facts = facts
        self.number = number
        self.is_whole = is_whole


class Store:
    """What is kept for all.

    Attributes:
        is_away: Whether it answers nobody.
        rooms: What is kept, by room and node.
    """

    def __init__(self, scheduler: Scheduler, weather: Weather) -> None:
        self.is_away = False
        self.rooms: dict[str, dict[str, Kept]] = {}
        self.scheduler = scheduler
        self.weather = weather
        self.messages = 0
        self._rooms_of: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._leases: dict[str, float] = {}
        self._nodes: dict[str, NodeFact] = {}
        self._live: Mapping[str, NodeFact] = {}
        self._links: dict[str, Link] = {}

    def attach(self, link: Link) -> None:
        """A node is there."""
        self._links[link.node] = link

    def detach(self, node: str) -> None:
        """A node is no more; what it has said stays until its lease ends."""
        self._links.pop(node, None)

    def lose_everything(self) -> None:
        """It begins anew, empty."""
        self.rooms.clear()
        self._rooms_of.clear()
        self._leases.clear()
        self._nodes.clear()
        self._live = {}

    def touch(self, fact: NodeFact) -> tuple[bool, Mapping[str, NodeFact]]:
        """Renews a lease. Returns whether it had not ended, and who lives."""
        now_s = self.scheduler.now_s
        was_known = self._leases.get(fact.node, 0.0) > now_s
        self._leases[fact.node] = now_s + LEASE_S
        if self._nodes.get(fact.node) != fact:
            self._nodes[fact.node] = fact
            self._live = {}
        live = {node: self._nodes[node] for node, until_s in self._leases.items() if until_s > now_s}
        if live.keys() != self._live.keys() or self._live.get(fact.node) is not fact:
            self._live = MappingProxyType(live)
        return was_known, self._live

    def say_goodbye(self, node: str) -> None:
        """A node ends orderly."""
        self._leases.pop(node, None)
        for room in list(self._rooms_of.get(node, ())):
            self.write([News(room, node, 1 << 60, "", None)])

    def rooms_of(self, node: str) -> list[str]:
        """Where the store has a node."""
        return list(self._rooms_of.get(node, ()))

    def write(self, batch: list[News]) -> None:
        """Keeps what a node says, and passes it on to all who are in the room."""
        per_member: defaultdict[str, list[News]] = defaultdict(list)
        for news in batch:
            members = self.rooms.setdefault(news.room, {})
            if not news.key:
                members.pop(news.node, None)
                self._rooms_of[news.node].pop(news.room, None)
                if not members:
                    del self.rooms[news.room]
            else:
                kept = members.get(news.node)
                if kept is None:
                    kept = members[news.node] = Kept({}, 0, is_whole=False)
                    self._rooms_of[news.node][news.room] = None
                kept.number = max(kept.number, news.number)
                if news.fact is None:
                    kept.facts.pop(news.key, None)
                else:
                    kept.facts[news.key] = news.fact
            for member in members:
                if member != news.node:
                    per_member[member].append(news)
        self._pass_on(per_member)

    def write_all(self, room: str, node: str, facts: dict[str, RoomFact], number: int) -> None:
        """Keeps that a node says this in a room, and nothing else."""
        members = self.rooms.setdefault(room, {})
        members[node] = Kept(facts, number)
        self._rooms_of[node][room] = None
        self._pass_on({member: [News(room, node, number, "*", None, True)] for member in members if member != node})

    def say(self, room: str, node: str, message: Message) -> None:
        """Passes a message on to all who are in the room."""
        for member in self.rooms.get(room, {}):
            link = self._links.get(member)
            if link is not None and member != node:
                self.scheduler.after(
                    self.weather.delay_s(self.scheduler.random), partial(link.told, room, node, message)
                )

    def read(self, room: str) -> Mapping[str, Kept]:
        """What is kept of a room."""
        return self.rooms.get(room, {})

    def _pass_on(self, per_member: Mapping[str, list[News]]) -> None:
        random, weather = self.scheduler.random, self.weather
        for member, news in per_member.items():
            link = self._links.get(member)
            if link is None:
                continue
            self.messages += 1
            if weather.lost and random.random() < weather.lost:
                lost = [one._replace(is_lost=True) for one in news]
                self.scheduler.after(random.random() * _LOST_NOTICED_S, partial(link.hear, lost))
                continue
            link.arrive(news)
            if weather.repeated and random.random() < weather.repeated:
                self.scheduler.after(random.random(), partial(link.hear, news))
