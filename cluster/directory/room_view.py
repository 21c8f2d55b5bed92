"""What one node knows of a room: facts by the node that said them, of which a watcher is told each change."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from miso.cluster.directory.directory import Watcher
from miso.cluster.directory.said_bytes import SaidBytes
from miso.cluster.facts import Message, RoomFact, addressee
from miso.cluster.shard_id import owner_of

logger = logging.getLogger(__name__)

MAX_FACTS: Final = 20_000
"""So many facts of one node in one room are kept; further ones are refused. To read them takes some 0.2 s of a core."""
MAX_FACTS_FOR_ALL: Final = 200_000
"""With more than so many, for whichever nodes they are, nothing of that node is read."""


class RoomView:
    """One room, as one node sees it.

    Attributes:
        own: What this node says, by key.
    """

    def __init__(
        self,
        node: str,
        room: str,
        watcher: Watcher,
        refused: Counter[str],
        said_bytes: SaidBytes | None = None,
        on_refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Nobody has said anything.

        Args:
            node: Whose view it is.
            room: Its name, for the log.
            watcher: Who is told.
            refused: Where it is counted what is not believed.
            said_bytes: How much other nodes say in all rooms of this one; None: of this room only.
            on_refused: Told, for the log, what is not believed.
        """
        self.own: dict[str, RoomFact] = {}
        self._node = node
        self._room = room
        self._watcher: Watcher | None = watcher
        self._refused = refused
        self._on_refused = on_refused
        self._said_bytes = (said_bytes or SaidBytes()).of_room()
        self._others: dict[str, dict[str, RoomFact]] = {}
        self._shown: set[str] = set()  # whose facts the watcher knows

    @property
    def others(self) -> Mapping[str, Mapping[str, RoomFact]]:
        """What is known of other nodes, of those that are not shown, too."""
        return self._others

    def put(self, fact: RoomFact) -> bool:
        """This node says a fact; False: it had said just that."""
        key = fact.key
        if self.own.get(key) == fact:
            return False
        self.own[key] = fact
        self._changed(self._node, key, fact)
        return True

    def drop(self, key: str) -> bool:
        """This node takes a fact back; False: there was none."""
        if self.own.pop(key, None) is None:
            return False
        self._changed(self._node, key, None)
        return True

    def learn(self, node: str, key: str, fact: RoomFact | None, size_bytes: int = 0) -> None:
        """Another node says a fact, or takes it back. One that it cannot say, or has no room for, is not kept.

        Args:
            node: Which one.
            key: The fact's key.
            fact: None: it is gone.
            size_bytes: How long it is, as it was said.
        """
        facts = self._others.setdefault(node, {})
        if fact is not None and (reason := self._why_refused(node, key, fact, size_bytes)):
            self._refused[reason] += 1
            self._on_refused(f"room={self._room[:200]!r} node={node} {key[:200]!r}: {reason}")
            fact = None  # what it said before is not true any more, either
        if fact is None:
            if facts.pop(key, None) is None:
                return
            self._said_bytes.forget(node, key)
        elif facts.get(key) == fact:
            return
        else:
            facts[key] = fact
        if node in self._shown:
            self._changed(node, key, fact)

    def _why_refused(self, node: str, key: str, fact: RoomFact, size_bytes: int) -> str:
        """Why a fact is not kept; "": it is, and its bytes are counted."""
        if owner_of(fact.shard) != node:
            return "of another host's shard"
        if addressee(key) not in (None, self._node):
            return "for another host"
        if key not in self._others[node] and len(self._others[node]) >= MAX_FACTS:
            return "too many facts"
        return "" if self._said_bytes.keep(node, key, size_bytes) else "too many bytes"

    def learn_all(
        self, node: str, facts: Mapping[str, RoomFact], sizes_bytes: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        """Another node says this, and nothing else. What is gone is told first.

        Args:
            node: Which one.
            facts: By key.
            sizes_bytes: How long they are, as they were said.
        """
        for key in [key for key in self._others.get(node, ()) if key not in facts]:
            self.learn(node, key, None)
        for key, fact in facts.items():
            self.learn(node, key, fact, sizes_bytes.get(key, 0))

    def show(self, node: str) -> None:
        """That node is live."""
        if node in self._shown:
            return
        self._shown.add(node)
        for key, fact in list(self._others.get(node, {}).items()):
            self._changed(node, key, fact)

    def forget(self, node: str) -> None:
        """That node is gone, with all that it said."""
        self.learn_all(node, {})
        self._others.pop(node, None)
        self._shown.discard(node)

    def hear(self, node: str, message: Message) -> None:
        """Another node has said something; one that is not live is not listened to."""
        if self._watcher is None or node not in self._shown:
            return
        try:
            self._watcher.said(node, message)
        except Exception:
            logger.exception("room=%.200r node=%s what it said was met by a fault", self._room, node)

    def close(self) -> None:
        """Nothing further is told."""
        self._watcher = None
        self._said_bytes.close()

    def _changed(self, node: str, key: str, fact: RoomFact | None) -> None:
        if self._watcher is None:
            return
        try:
            self._watcher.changed(node, key, fact)
        except Exception:
            logger.exception("room=%.200r node=%s fact=%.200r its change was met by a fault", self._room, node, key)
