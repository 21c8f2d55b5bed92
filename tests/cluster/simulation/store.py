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
_OLD_S = 0.5
"""So long what nodes say of themselves may be known to nobody else."""
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
        prev: The last number before that which was for the reader, too.
        prevs: Of single readers: instead of ``prev``.
        key: Of the fact; "": the node has left the room.
        fact: None: it is gone.
        to: The only node that it is for; None: all in the room.
        is_lost: Whether nothing but the number has arrived.
    """

    room: str
    node: str
    number: int
    prev: int
    prevs: Mapping[str, int]
    key: str
    fact: RoomFact | None
    to: str | None = None
    is_lost: bool = False


class Lives(NamedTuple):
    """Who lives.

    Attributes:
        facts: What they say of themselves, by id.
        ids: Who they are.
    """

    facts: Mapping[str, NodeFact]
    ids: frozenset[str]


class Kept:
    """What one node says in one room, as the store has it.

    Attributes:
        for_all: What is for all others, by key.
        for_one: What is for one other node, by that and key.
        number: Of the last change.
        last_for_all: Of the last change that was for all.
        last_for: Of single nodes: of a later one that was for them.
        is_whole: Whether it is all that the node says: not, when the store has lost it and a change came after that.
    """

    def __init__(self, number: int, *, is_whole: bool = True) -> None:
        self.for_all: dict[str, RoomFact] = {}
        self.for_one: dict[str, dict[str, RoomFact]] = {}
        self.number = number
        self.last_for_all = number
        self.last_for: dict[str, int] = {}
        self.is_whole = is_whole

    @property
    def facts(self) -> dict[str, RoomFact]:
        """All of them."""
        facts = dict(self.for_all)
        for some in self.for_one.values():
            facts |= some
        return facts

    def facts_for(self, node: str) -> dict[str, RoomFact]:
        """Those for that node."""
        return {**self.for_all, **self.for_one.get(node, {})}

    def keep(self, news: News) -> None:
        """Something is said, or taken back."""
        self.number = max(self.number, news.number)
        if news.to is None:
            self.last_for_all, self.last_for = self.number, {}
            facts = self.for_all
        else:
            self.last_for[news.to] = self.number
            facts = self.for_one.setdefault(news.to, {})
        if news.fact is None:
            facts.pop(news.key, None)
        else:
            facts[news.key] = news.fact


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
        self._live = Lives({}, frozenset())
        self._is_old = False
        self._looked_s = 0.0
        self._first_end_s = 0.0
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
        self._live = Lives({}, frozenset())

    def touch(self, fact: NodeFact) -> tuple[bool, Lives]:
        """Renews a lease. Returns whether it had not ended, and who lives."""
        now_s = self.scheduler.now_s
        was_known = self._leases.get(fact.node, 0.0) > now_s
        self._leases[fact.node] = now_s + LEASE_S
        if self._nodes.get(fact.node) is not fact:
            self._nodes[fact.node] = fact
            self._is_old = True
        if not was_known or now_s >= self._first_end_s or (self._is_old and now_s >= self._looked_s + _OLD_S):
            self._look()
        return was_known, self._live

    def _look(self) -> None:
        """Who lives now; as long as they are the same, the same set says so."""
        now_s = self.scheduler.now_s
        live = {node: self._nodes[node] for node, until_s in self._leases.items() if until_s > now_s}
        ids = self._live.ids if live.keys() == self._live.ids else frozenset(live)
        self._live = Lives(MappingProxyType(live), ids)
        self._is_old, self._looked_s = False, now_s
        self._first_end_s = min((self._leases[node] for node in live), default=now_s)

    def say_goodbye(self, node: str) -> None:
        """A node ends orderly."""
        self._leases.pop(node, None)
        self._look()
        for room in list(self._rooms_of.get(node, ())):
            self.write([News(room, node, 1 << 60, 0, {}, "", None)])

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
                    kept = members[news.node] = Kept(0, is_whole=False)
                    self._rooms_of[news.node][news.room] = None
                kept.keep(news)
            if news.to is not None:
                if news.to in members and news.to != news.node:
                    per_member[news.to].append(news)
                continue
            for member in members:
                if member != news.node:
                    per_member[member].append(news)
        self._pass_on(per_member)

    def write_all(self, all_said: list[News], first: News) -> None:
        """Keeps that a node says this in a room, and nothing else.

        Args:
            all_said: What it says.
            first: What the others are told.
        """
        members = self.rooms.setdefault(first.room, {})
        kept = members[first.node] = Kept(first.number)
        self._rooms_of[first.node][first.room] = None
        for news in all_said:
            kept.keep(news)
        kept.last_for_all, kept.last_for = first.number, {}
        self._pass_on({member: [first] for member in members if member != first.node})

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
