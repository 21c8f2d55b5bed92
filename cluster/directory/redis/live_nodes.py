"""Who lives: what this node knows of the others, from what Redis said each second. Sans-I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from miso.cluster.directory.node_id import is_node_id
from miso.cluster.directory.redis.uses import OtherUses
from miso.cluster.errors import ParseError, UnknownKindError
from miso.cluster.facts import NodeFact, decode_node


class Listed(NamedTuple):
    """A node, as Redis has it.

    Attributes:
        fact: What it says of itself, as it was read; b"": nothing.
        seen_ms: When it showed that it lives, by Redis' clock.
    """

    fact: bytes
    seen_ms: float


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
        self._said: dict[str, NodeFact] = {}  # the same, without what it says of addresses
        self._uses = OtherUses()
        self._grace_until_s = 0.0
        self._back: set[str] = set()  # who was heard of since

    def give_grace(self, until_s: float) -> None:
        """Redis was away: nobody ends before that time who was not heard of again; some may need time to come back."""
        self._grace_until_s = until_s
        self._back.clear()

    def announce(self, fact: NodeFact) -> None:
        """What this node says of itself."""
        self.facts[self._own] = fact

    def listed(
        self, now_s: float, listed: Mapping[bytes, Listed], since_ms: float = 0.0, uses: Sequence[bytes] = ()
    ) -> Change:
        """Redis has said who lives.

        Args:
            now_s: The time.
            listed: They, by their ids as they were read.
            since_ms: Who was seen later has been heard of since Redis was away.
            uses: What has changed of what they say of addresses: fields and parts in turn.
        """
        ids = {self._own}
        changed = self._read_uses(uses)
        for raw_id, (raw, seen_ms) in listed.items():
            node = raw_id.decode(errors="replace")
            if not is_node_id(node):
                self._refused["no node's id"] += 1
                continue
            ids.add(node)
            if seen_ms > since_ms:
                self._back.add(node)
            if node != self._own and raw and self._raw.get(node) != raw:
                self._raw[node] = raw
                if self._read(node, raw):
                    changed.add(node)
        if now_s < self._grace_until_s:
            ids |= self.ids - self._back
        came, ended = ids - self.ids, self.ids - ids
        self.ids = ids
        self._back &= ids
        self._uses.keep(ids)
        has_changed = False
        for node in changed & ids:
            has_changed = self._put_together(node) or has_changed
        for node in ended:
            self._raw.pop(node, None)
            self._said.pop(node, None)
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
        self._said[node] = fact
        return True

    def _read_uses(self, uses: Sequence[bytes]) -> set[str]:
        """Whose they are."""
        nodes = set()
        for field, data in zip(uses[::2], uses[1::2], strict=False):
            try:
                nodes.add(self._uses.read(field, data))
            except UnknownKindError:
                self._refused["newer version"] += 1
            except ParseError:
                self._refused["no fact"] += 1
        return nodes - {self._own}

    def _put_together(self, node: str) -> bool:
        """Whether what a node says, addresses included, is another thing than before."""
        fact = self._said.get(node)
        if fact is None:
            return False
        fact = replace(fact, addresses=[*fact.addresses, *self._uses.of(node)])
        has_changed = self.facts.get(node) != fact
        self.facts[node] = fact
        return has_changed
