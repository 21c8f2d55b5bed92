"""What one node knows of a room: facts by the node that said them, of which a watcher is told each change."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Final

from miso.cluster.directory.directory import Watcher
from miso.cluster.facts import Message, RoomFact

logger = logging.getLogger(__name__)

MAX_FACTS: Final = 100_000
"""So many facts of one node in one room are kept; further ones are refused."""


class RoomView:
    """One room, as one node sees it.

    Attributes:
        own: What this node says, by key.
    """

    def __init__(self, node: str, room: str, watcher: Watcher, refused: Counter[str]) -> None:
        """Nobody has said anything.

        Args:
            node: Whose view it is.
            room: Its name, for the log.
            watcher: Who is told.
            refused: Where it is counted what is not believed.
        """
        self.own: dict[str, RoomFact] = {}
        self._node = node
        self._room = room
        self._watcher: Watcher | None = watcher
        self._refused = refused
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

    def learn(self, node: str, key: str, fact: RoomFact | None) -> None:
        """Another node says a fact, or takes it back."""
        facts = self._others.setdefault(node, {})
        if fact is None:
            if facts.pop(key, None) is None:
                return
        elif facts.get(key) == fact:
            return
        elif key not in facts and len(facts) >= MAX_FACTS:
            self._refused["too many facts"] += 1
            return
        else:
            facts[key] = fact
        if node in self._shown:
            self._changed(node, key, fact)

    def learn_all(self, node: str, facts: Mapping[str, RoomFact]) -> None:
        """Another node says this, and nothing else. What is gone is told first."""
        for key in [key for key in self._others.get(node, ()) if key not in facts]:
            self.learn(node, key, None)
        for key, fact in facts.items():
            self.learn(node, key, fact)

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

    def _changed(self, node: str, key: str, fact: RoomFact | None) -> None:
        if self._watcher is None:
            return
        try:
            self._watcher.changed(node, key, fact)
        except Exception:
            logger.exception("room=%.200r node=%s fact=%.200r its change was met by a fault", self._room, node, key)
