"""The directory in memory: of one host alone, or of several nodes in one process, which tests and the simulation have.

Nodes are told where to look, not what is there: they compare what the store has with what they know. So it does no
harm when that is late, repeated or out of order, and one who comes back after it was cut off looks at everything.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeAlias

from miso.cluster.directory.directory import Watcher
from miso.cluster.directory.listeners import Listeners
from miso.cluster.directory.node_id import name_of
from miso.cluster.directory.room_view import RoomView
from miso.cluster.errors import DirectoryAwayError, InvalidStateError, NameTakenError
from miso.cluster.facts import Message, NodeFact, RoomFact, addressee

SYNC_WITHIN_S: Final = 3.0

Later: TypeAlias = Callable[[Callable[[], None]], object]
"""Does something soon, and not at once."""


def _in_the_next_round(work: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(work)


class MemoryStore:
    """What several nodes of one process share.

    Attributes:
        later: How nodes hear of each other.
    """

    def __init__(self, later: Later = _in_the_next_round) -> None:
        """Nobody is there.

        Args:
            later: How nodes hear of each other; a simulation gives its own, which may take its time, repeat and mix.
        """
        self.later = later
        self._directories: dict[str, MemoryDirectory] = {}
        self._cut: set[str] = set()
        self._nodes: dict[str, NodeFact] = {}
        self._rooms: dict[str, dict[str, dict[str, RoomFact]]] = {}  # room → node → key → fact

    @property
    def rooms(self) -> Mapping[str, Mapping[str, Mapping[str, RoomFact]]]:
        """What is kept: facts by room, node and key. Rooms that nobody is in are not there."""
        return self._rooms

    # what happens to nodes; tests and simulations say it

    def cut(self, node: str) -> None:
        """The network between that node and the store breaks. Its lease goes on until ``end_lease``."""
        self._cut.add(node)
        self._directories[node].look_at_nodes()

    def heal(self, node: str) -> None:
        """The network is there again: what the node says is kept, and it looks at what it has missed."""
        self._cut.discard(node)
        self._directories[node].come_back()

    def crash(self, node: str) -> None:
        """That node is no more; nobody knows until ``end_lease``."""
        self._directories.pop(node, None)
        self._cut.discard(node)

    def end_lease(self, node: str) -> None:
        """That node was not heard of for too long: what it said is gone."""
        self._nodes.pop(node, None)
        for room in [room for room, nodes in self._rooms.items() if node in nodes]:
            self.take_back(room, node)
        self._tell_nodes()

    # what directories use

    def is_cut(self, node: str) -> bool:
        """Whether that node cannot reach the store."""
        return node in self._cut

    def add(self, directory: MemoryDirectory) -> None:
        """Lets a node in.

        Raises:
            NameTakenError: One of that name is there.
        """
        name = name_of(directory.node)
        for node in self._directories:
            if name_of(node) == name:
                raise NameTakenError(f"there is a node {name} already: {node}")
        self._directories[directory.node] = directory

    def nodes(self) -> Mapping[str, NodeFact]:
        """What the live nodes say of themselves."""
        return self._nodes

    def announce(self, fact: NodeFact) -> None:
        """Keeps what a node says of itself."""
        if self._nodes.get(fact.node) != fact:
            self._nodes[fact.node] = fact
            self._tell_nodes()

    def keep(self, room: str, node: str, key: str, fact: RoomFact | None) -> None:
        """Keeps what a node says in a room, or forgets it."""
        facts = self._rooms.setdefault(room, {}).setdefault(node, {})
        if fact is None:
            facts.pop(key, None)
        else:
            facts[key] = fact
        self.tell(room, node, lambda entry: entry.look(node, key), only=addressee(key))

    def keep_all(self, room: str, node: str, facts: Mapping[str, RoomFact]) -> None:
        """Keeps that a node is in a room, and says this and nothing else."""
        self._rooms.setdefault(room, {})[node] = dict(facts)
        self.tell(room, node, lambda entry: entry.look_at(node))

    def take_back(self, room: str, node: str) -> None:
        """Forgets that a node is in a room."""
        nodes = self._rooms.get(room, {})
        if nodes.pop(node, None) is None:
            return
        if not nodes:
            del self._rooms[room]
        self.tell(room, node, lambda entry: entry.look_at(node))

    def tell(self, room: str, node: str, what: Callable[[MemoryEntry], None], *, only: str | None = None) -> None:
        """Does something with the entry of each node in a room but this one, soon; or of only one of them."""
        for other, directory in self._directories.items():
            entry = directory.entries.get(room)
            if other != node and entry is not None and only in (None, other):
                self.later(partial(what, entry))

    def _tell_nodes(self) -> None:
        for directory in self._directories.values():
            self.later(directory.look_at_nodes)


class MemoryEntry:
    """What one node says about one room."""

    def __init__(self, store: MemoryStore, node: str, room: str, view: RoomView, left: Callable[[], None]) -> None:
        """Entered; the others' facts come soon.

        Args:
            store: What the nodes share.
            node: Who has entered.
            room: The room's name.
            view: What is known of it.
            left: Called once, by ``leave``.
        """
        self.view = view
        self._store = store
        self._node = node
        self._room = room
        self._left: Callable[[], None] | None = left
        self._synced = asyncio.Event()

    def put(self, fact: RoomFact) -> None:
        if self._left is not None and self.view.put(fact) and not self._store.is_cut(self._node):
            self._store.keep(self._room, self._node, fact.key, fact)

    def drop(self, key: str) -> None:
        if self._left is not None and self.view.drop(key) and not self._store.is_cut(self._node):
            self._store.keep(self._room, self._node, key, None)

    def say(self, message: Message) -> None:
        if self._left is not None and not self._store.is_cut(self._node):
            node = self._node
            self._store.tell(self._room, node, lambda entry: entry.hear(node, message))

    async def synced(self) -> None:
        try:
            async with asyncio.timeout(SYNC_WITHIN_S):
                await self._synced.wait()
        except TimeoutError:
            raise DirectoryAwayError("the directory is cut off") from None

    def leave(self) -> None:
        if self._left is None:
            return
        left, self._left = self._left, None
        self.view.close()
        left()
        if not self._store.is_cut(self._node):
            self._store.take_back(self._room, self._node)

    # what the store calls

    def look_at_all(self) -> None:
        """Compares everything; then the others' facts are known."""
        if self._store.is_cut(self._node):
            return
        for node in {*self.view.others, *self._store.rooms.get(self._room, {})} - {self._node}:
            self.look_at(node)
        self._synced.set()

    def look_at(self, node: str) -> None:
        """Compares what one node says."""
        facts = self._shown(node)
        if facts is not None:
            self.view.learn_all(node, {key: fact for key, fact in facts.items() if self._is_for_here(key)})

    def look(self, node: str, key: str) -> None:
        """Compares one fact."""
        facts = self._shown(node)
        if facts is not None and self._is_for_here(key):
            self.view.learn(node, key, facts.get(key))

    def _is_for_here(self, key: str) -> bool:
        return addressee(key) in (None, self._node)

    def _shown(self, node: str) -> Mapping[str, RoomFact] | None:
        """What the store has of a node, which is in the room then; None: nothing, or the store is not reached."""
        if self._store.is_cut(self._node):
            return None
        facts = self._store.rooms.get(self._room, {}).get(node)
        if facts is None:
            self.view.forget(node)
        else:
            self.view.show(node)
        return facts

    def hear(self, node: str, message: Message) -> None:
        """Another node has said something."""
        if not self._store.is_cut(self._node):
            self.view.hear(node, message)


class MemoryDirectory:
    """One node's directory.

    Attributes:
        node: This node's id.
        entries: The rooms that it is in.
    """

    def __init__(self, node: str, store: MemoryStore | None = None) -> None:
        """Not started.

        Args:
            node: This node's id, see ``new_node_id``.
            store: What it shares with other nodes of this process; None: there is none but this one.
        """
        self.node = node
        self.entries: dict[str, MemoryEntry] = {}
        self._store = store or MemoryStore()
        self._nodes: dict[str, NodeFact] = {}  # as last told
        self._was_away = False
        self._fact: NodeFact | None = None
        self._listeners = Listeners()
        self._refused: Counter[str] = Counter()

    @property
    def nodes(self) -> Mapping[str, NodeFact]:
        return self._nodes

    @property
    def is_away(self) -> bool:
        return self._store.is_cut(self.node)

    @property
    def refused(self) -> Mapping[str, int]:
        return self._refused

    def enter(self, room: str, watcher: Watcher) -> MemoryEntry:
        if room in self.entries:
            raise InvalidStateError(f"{self.node} is in room {room[:200]!r} already")
        view = RoomView(self.node, room, watcher, self._refused)

        def left() -> None:
            del self.entries[room]

        entry = self.entries[room] = MemoryEntry(self._store, self.node, room, view, left)
        if not self.is_away:
            self._store.keep_all(room, self.node, {})
        self._store.later(entry.look_at_all)
        return entry

    def announce(self, fact: NodeFact) -> None:
        self._fact = fact
        if not self.is_away:
            self._store.announce(fact)
        self.look_at_nodes()

    def on_nodes(self, callback: Callable[[], None]) -> Callable[[], None]:
        return self._listeners.add(callback)

    async def start(self) -> None:
        self._store.add(self)
        self.look_at_nodes()

    async def close(self) -> None:
        for entry in list(self.entries.values()):
            entry.leave()
        self._store.crash(self.node)
        self._store.end_lease(self.node)

    # what the store calls

    def look_at_nodes(self) -> None:
        """Compares what nodes say of themselves; who is cut off knows what it knew, and itself."""
        away = self.is_away
        nodes = dict(self._nodes if away else self._store.nodes())
        if self._fact is not None:
            nodes[self.node] = self._fact
        if (nodes, away) != (self._nodes, self._was_away):
            self._nodes, self._was_away = nodes, away
            self._listeners.call()

    def come_back(self) -> None:
        """Says again what this node says, in the rooms where it still is only, and looks at everything."""
        for room in [room for room, nodes in self._store.rooms.items() if self.node in nodes]:
            if room not in self.entries:
                self._store.take_back(room, self.node)
        if self._fact is not None:
            self._store.announce(self._fact)
        self.look_at_nodes()
        for room, entry in self.entries.items():
            self._store.keep_all(room, self.node, entry.view.own)
            self._store.later(entry.look_at_all)
