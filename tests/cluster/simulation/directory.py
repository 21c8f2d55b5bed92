"""What each host knows by the store.

It keeps to what ``cluster/directory/directory.py`` promises: own facts are true at once, the store follows; each change
in a room has its node's number, and whoever misses one reads again what that node says; a lease that is not renewed
ends, but not while the store is away, nor within two lease times after it came back.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import partial
from typing import Protocol

from miso.cluster.directory.directory import Watcher
from miso.cluster.directory.room_view import RoomView
from miso.cluster.errors import DirectoryAwayError
from miso.cluster.facts import Message, NodeFact, RoomFact, addressee
from tests.cluster.simulation.codec import from_newer, through_json
from tests.cluster.simulation.scheduler import Work
from tests.cluster.simulation.store import LEASE_S, Lives, News, Store

TOUCH_S = 1.0
_BATCH_S = 0.001


class Process(Protocol):
    """What runs on a host; it may stand still, and end."""

    def after(self, delay_s: float, work: Work) -> None:
        """Does something then, or as soon as it runs again."""

    def run(self, work: Work) -> None:
        """Does something now, or as soon as it runs again."""


class SimEntry:
    """What one node says and knows about one room (an ``Entry`` of ``cluster/directory``)."""

    def __init__(self, directory: SimDirectory, room: str, view: RoomView, number: int) -> None:
        self.view = view
        self.is_synced = False
        self.number = number
        self.last_for_all = number
        self.last_for: dict[str, int] = {}
        self.heard: dict[str, int] = {}
        """Up to which number what a node says is known."""
        self.seen: dict[str, int] = {}
        """The greatest number that came of a node."""
        self.reading: set[str] = set()
        self.forgotten: set[str] = set()
        """Of whom nothing is known, whatever was heard: all that they say has to be read."""
        self._directory = directory
        self._room = room

    def put(self, fact: RoomFact) -> None:
        if self.view.put(fact):
            self._said(fact.key, fact)

    def drop(self, key: str) -> None:
        if self.view.drop(key):
            self._said(key, None)

    def _said(self, key: str, fact: RoomFact | None) -> None:
        self.number += 1
        to = addressee(key)
        if to is None:
            prev, prevs = self.last_for_all, self.last_for
            self.last_for_all, self.last_for = self.number, {}
        else:
            prev, prevs = self.last_for.get(to, self.last_for_all), {}
            self.last_for[to] = self.number
        self._directory.send(News(self._room, self._directory.node, self.number, prev, prevs, key, fact, to))

    def say(self, message: Message) -> None:
        self._directory.say(self._room, message)

    async def synced(self) -> None:
        if not self.is_synced:
            raise DirectoryAwayError("what others say was not read yet")

    def leave(self) -> None:
        self.view.close()
        self.number += 1
        self._directory.left(self._room, self)


class SimDirectory:
    """What one node knows by the store.

    Attributes:
        node: Its id.
        nodes: Who lives, as it knows.
        is_away: Whether the store does not answer it.
        is_cut: Whether the network between the two is broken.
        entries: The rooms that it is in.
    """

    def __init__(self, node: str, store: Store, process: Process, *, is_newer: bool = False) -> None:
        self.node = node
        self.nodes: Mapping[str, NodeFact] = {}
        self._ids: frozenset[str] | None = None
        """Who lives, as the store has said it last; None: nodes has others, too."""
        self.is_away = False
        self.is_cut = False
        self.entries: dict[str, SimEntry] = {}
        self.refused: Counter[str] = Counter()
        self._store = store
        self._process = process
        self._is_newer = is_newer
        self._numbers: dict[str, int] = {}
        self._outbox: list[News] = []
        self._sent_s = 0.0
        self._arrived_s = 0.0
        self._answered_s = 0.0
        self._fact: NodeFact | None = None
        self._is_untrue = True
        """Whether the store may have something else than what this node says."""
        self._grace_until_s = 0.0

    def start(self, fact: NodeFact) -> None:
        """Joins the others."""
        self._store.attach(self)
        self._fact = fact
        self._touch()

    def announce(self, fact: NodeFact) -> None:
        """Says what is true of this node."""
        self._fact = fact

    def enter(self, room: str, watcher: Watcher) -> SimEntry:
        """Begins to say and to hear something about a room."""
        assert room not in self.entries
        view = RoomView(self.node, room, watcher, self.refused)
        entry = self.entries[room] = SimEntry(self, room, view, self._numbers.get(room, 0) + 1)
        self._say_all(room, entry)
        self._read(room, None)
        return entry

    def left(self, room: str, entry: SimEntry) -> None:
        """An entry has ended."""
        del self.entries[room]
        self._numbers[room] = entry.number
        self.send(News(room, self.node, entry.number, 0, {}, "", None))

    # ------------------------------------------------------------ to the store

    def send(self, news: News) -> None:
        """Lets the store know, soon."""
        if news.fact is not None and self._is_newer:
            news = news._replace(fact=from_newer(news.fact))
        elif news.fact is not None and self._store.scheduler.random.random() < self._store.weather.coded:
            news = news._replace(fact=through_json(news.fact))
        if not self._outbox:
            self._process.after(_BATCH_S, self._flush)
        self._outbox.append(news)

    def say(self, room: str, message: Message) -> None:
        """Lets the others in a room know; who does not hear it has missed it."""
        self._ask(lambda: self._store.say(room, self.node, message))

    def _flush(self) -> None:
        batch, self._outbox = self._outbox, []
        if batch:
            self._ask(lambda: self._store.write(batch))

    def _ask(self, what: Work) -> None:
        """Does something at the store, after what was asked before; what does not get there is said on the return."""
        scheduler = self._store.scheduler
        self._sent_s = max(self._sent_s, scheduler.now_s + self._store.weather.delay_s(scheduler.random))

        def arrive() -> None:
            if self._store.is_away or self.is_cut:
                self._process.run(self._lose)
            else:
                what()

        scheduler.at(self._sent_s, arrive)

    def _say_all(self, room: str, entry: SimEntry) -> None:
        if self._outbox:  # an earlier entry's goodbye may be in it
            self._flush()
        entry.number += 1
        number = entry.last_for_all = entry.number
        entry.last_for = {}
        all_said = [
            News(room, self.node, number, 0, {}, key, fact, addressee(key)) for key, fact in entry.view.own.items()
        ]
        first = News(room, self.node, number, 0, {}, "*", None, is_lost=True)
        self._ask(lambda: self._store.write_all(all_said, first))

    def _lose(self) -> None:
        self._is_untrue = True
        self.is_away = True

    def _touch(self) -> None:
        self._process.after(TOUCH_S, self._touch)
        fact = self._fact
        assert fact is not None

        def touch() -> None:
            was_known, lives = self._store.touch(fact)
            self._answer(lambda: self._touched(was_known, lives))

        self._ask(touch)

    def _answer(self, what: Work) -> None:
        """Something comes back from the store."""
        scheduler = self._store.scheduler
        self._answered_s = max(self._answered_s, scheduler.now_s + self._store.weather.delay_s(scheduler.random))
        scheduler.at(self._answered_s, lambda: self._process.run(self._lose if self.is_cut else what))

    # ------------------------------------------------------------ from the store

    def _touched(self, was_known: bool, lives: Lives) -> None:
        now_s = self._store.scheduler.now_s
        if self.is_away or not was_known:
            self._grace_until_s = now_s + 2 * LEASE_S
            self._process.after(2.1 * LEASE_S, self._read_everything)
        self.is_away = False
        if self._is_untrue or not was_known:
            self._is_untrue = False
            self._come_back()
        if lives.ids is self._ids:
            self.nodes = lives.facts
            return
        self._ids, live = lives.ids, lives.facts
        if now_s < self._grace_until_s:
            live = {**self.nodes, **live}
            self._ids = None
        came = live.keys() - self.nodes.keys()
        gone = self.nodes.keys() - live.keys()
        self.nodes = live
        for room, entry in list(self.entries.items()):
            for node in sorted(gone):
                entry.view.forget(node)
                entry.forgotten.add(node)
            for node in sorted(came):
                if node != self.node:
                    entry.view.show(node)
            if any(node != self.node and node in self._store.read(room) for node in came):
                self._read(room, came)

    def _come_back(self) -> None:
        for room in self._store.rooms_of(self.node):
            if room not in self.entries:
                self._numbers[room] = number = self._numbers.get(room, 0) + 1
                self.send(News(room, self.node, number, 0, {}, "", None))
        for room, entry in self.entries.items():
            entry.reading.clear()  # answers that the cut has lost do not come any more
            self._say_all(room, entry)
            self._read(room, None)

    def _read_everything(self) -> None:
        """The grace is over: who is not there now is gone."""
        for room in self.entries:
            self._read(room, None)

    def _read(self, room: str, nodes: set[str] | None) -> None:
        """Reads what some nodes say in a room; None: all, and only they are in it."""
        entry = self.entries.get(room)
        seen = {} if entry is None else dict(entry.seen)
        known = {} if entry is None else {node: n for node, n in entry.heard.items() if node not in entry.forgotten}

        def read() -> None:
            found: dict[str, tuple[dict[str, RoomFact] | None, int]] = {}
            for node, kept in self._store.read(room).items():
                if node != self.node and kept.is_whole and (nodes is None or node in nodes):
                    last = kept.last_for.get(self.node, kept.last_for_all)
                    is_known = last <= known.get(node, 0) <= kept.number
                    found[node] = None if is_known else kept.facts_for(self.node), kept.number
            self._answer(lambda: self._have_read(room, nodes, found, seen))

        self._ask(read)

    def _have_read(
        self,
        room: str,
        nodes: set[str] | None,
        found: Mapping[str, tuple[dict[str, RoomFact] | None, int]],
        seen: Mapping[str, int],
    ) -> None:
        """Takes what was read.

        Args:
            room: Of which room.
            nodes: Who was looked for; None: all.
            found: What they say (None: nothing new), and with which number.
            seen: The greatest number of each when it was asked.
        """
        entry = self.entries.get(room)
        if entry is None:
            return
        is_grace = self._store.scheduler.now_s < self._grace_until_s
        again = set()
        for node in sorted(entry.view.others.keys() if nodes is None else nodes):
            entry.reading.discard(node)
            if node in found:
                continue
            if entry.seen.get(node, 0) > seen.get(node, 0):
                again.add(node)
            elif not is_grace:
                entry.heard[node] = max(entry.heard.get(node, 0), entry.seen.get(node, 0))
                entry.view.forget(node)
                entry.forgotten.add(node)
        for node, (facts, number) in found.items():
            entry.reading.discard(node)
            if facts is None and node in entry.forgotten:  # since it was asked for
                again.add(node)
            elif number >= entry.heard.get(node, 0):
                entry.heard[node] = number
                if facts is not None:
                    entry.view.learn_all(node, facts)
                    entry.forgotten.discard(node)
                if node in self.nodes:
                    entry.view.show(node)
        entry.is_synced |= nodes is None
        again.update(node for node in found if entry.seen.get(node, 0) > entry.heard.get(node, 0))
        if again:  # what came while the answer was on its way is not in it
            entry.reading |= again
            self._read(room, again)

    def arrive(self, news: list[News]) -> None:
        """News are on their way."""
        scheduler, weather = self._store.scheduler, self._store.weather
        at_s = scheduler.now_s + weather.delay_s(scheduler.random)
        if weather.ordered:
            self._arrived_s = at_s = max(self._arrived_s, at_s)
        scheduler.at(at_s, lambda: self.hear(news))

    def hear(self, news: list[News]) -> None:
        """News are there."""
        self._process.run(self._lose if self.is_cut else lambda: self._hear(news))

    def told(self, room: str, node: str, message: Message) -> None:
        """Another node has said something."""
        entry = self.entries.get(room)
        if entry is not None and not self.is_cut:
            self._process.run(partial(entry.view.hear, node, message))

    def _hear(self, news: list[News]) -> None:
        missed: defaultdict[str, set[str]] = defaultdict(set)
        for one in news:
            entry = self.entries.get(one.room)
            if entry is None:
                continue
            heard = entry.heard.get(one.node, 0)
            if one.number <= heard:
                continue
            entry.seen[one.node] = max(one.number, entry.seen.get(one.node, 0))
            is_base_known = one.node not in entry.forgotten or not one.key or not heard
            if one.prevs.get(self.node, one.prev) > heard or one.is_lost or not is_base_known:
                if one.node not in entry.reading:
                    entry.reading.add(one.node)
                    missed[one.room].add(one.node)
                continue
            entry.heard[one.node] = one.number
            if not one.key:
                entry.view.forget(one.node)
                entry.forgotten.add(one.node)
            else:
                entry.view.learn(one.node, one.key, one.fact)
                if one.node in self.nodes:
                    entry.view.show(one.node)
        for room, nodes in missed.items():
            self._read(room, nodes)
