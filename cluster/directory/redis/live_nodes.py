"""Who lives: what this node knows of the others, from what Redis said each second. Sans-I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from miso.cluster.directory.node_id import is_node_id
from miso.cluster.errors import ParseError, UnknownKindError
from miso.cluster.facts import NodeFact, decode_node


class Change(NamedTuple):
    """What is new.

    Attributes:
        came: Nodes that live now, and did not before.
        ended: Nodes that do not live any more.
        facts: Whether what live nodes say of themselves is another thing than before.
    """

    came: set[str]
    ended: set[str]
    facts: bool


class LiveNodes:
    """The nodes that live.

    Attributes:
        ids: All of them, those that have said nothing of themselves, too.
        facts: What they say of themselves.
    """

    def __init__(self, own: str, refused: Counter[str]) -> None:
        """Only this node lives.

        Args:
            own: Its id.
            refused: Where it is counted what is not believed.
        """
        self.ids: set[str] = {own}
        self.facts: dict[str, NodeFact] = {}
        self._own = own
        self._refused = refused
        self._raw: dict[str, bytes] = {}  # what was read last of each node
        self._grace_until_s = 0.0

    def give_grace(self, until_s: float) -> None:
        """Nobody ends before that time: Redis was away, and they may need some time to be heard of again."""
        self._grace_until_s = until_s

    def announce(self, fact: NodeFact) -> None:
        """What this node says of itself."""
        self.facts[self._own] = fact

    def listed(self, now_s: float, listed: Mapping[bytes, bytes]) -> Change:
        """Redis has said who lives.

        Args:
            now_s: The time.
            listed: What nodes say of themselves, as it was read, by their ids.
        """
        ids = {self._own}
        has_changed = False
        for raw_id, raw in listed.items():
            node = raw_id.decode(errors="replace")
            if not is_node_id(node):
                self._refused["no node's id"] += 1
                continue
            ids.add(node)
            if node != self._own and raw and self._raw.get(node) != raw:
                self._raw[node] = raw
                has_changed = self._read(node, raw) or has_changed
        if now_s < self._grace_until_s:
            ids |= self.ids
        came, ended = ids - self.ids, self.ids - ids
        self.ids = ids
        for node in ended:
            self._raw.pop(node, None)
            has_changed = self.facts.pop(node, None) is not None or has_changed
        return Change(came, ended, has_changed)

    def _read(self, node: str, raw: bytes) -> bool:
        try:
            fact = decode_node(raw)
        except UnknownKindError:
            self._refused["newer version"] += 1
            return False
        except ParseError:
            self._refused["no fact"] += 1
            return False
        if fact.node != node:
            self._refused["another node's fact"] += 1
            return False
        has_changed = self.facts.get(node) != fact
        self.facts[node] = fact
        return has_changed
