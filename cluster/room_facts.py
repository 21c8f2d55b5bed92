"""All that is said of one room, by whom: who is in it, who has an id that two claim, what is wanted where.

Nobody says here what another node's shard does: a ``RoomView`` lets only those facts through whose shard is of the node
that says them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias, TypeVar

from miso.cluster.errors import LimitError
from miso.cluster.facts import (
    DataProducerFact,
    ParticipantFact,
    PipedFact,
    PipeEndFact,
    ProducerFact,
    RoomFact,
    ShardFact,
    Source,
    WantFact,
    parties,
)
from miso.cluster.shard_id import owner_of

MAX_SHARDS_OF_NODE: Final = 256
"""A node has at most one shard of a room in each worker. One that says more has none: each is a pipe to everybody."""
_ONE_TOO_MANY: Final = MAX_SHARDS_OF_NODE + 1
MAX_STAMP: Final = 2**53
"""The greatest stamp of a claim; no honest node comes near it."""

K = TypeVar("K")
T = TypeVar("T")


class Seen(NamedTuple):
    """A participant, as everybody sees it.

    Attributes:
        node: Who has it.
        fact: What it is.
    """

    node: str
    fact: ParticipantFact


class Located(NamedTuple):
    """A source, as everybody sees it.

    Attributes:
        node: Who has it.
        fact: What it is.
    """

    node: str
    fact: Source


class ParticipantCame(NamedTuple):
    """Somebody is there."""

    seen: Seen


class ParticipantChanged(NamedTuple):
    """It is shown in another way now."""

    before: Seen
    seen: Seen


class ParticipantLeft(NamedTuple):
    """Somebody is gone, or has come again at another node (then it comes next)."""

    seen: Seen


class SourceCame(NamedTuple):
    """A participant sends something."""

    located: Located


class SourceChanged(NamedTuple):
    """Paused, resumed, or with another score."""

    before: Located
    located: Located


class SourceLeft(NamedTuple):
    """It does not send that any more."""

    located: Located


Change: TypeAlias = ParticipantCame | ParticipantChanged | ParticipantLeft | SourceCame | SourceChanged | SourceLeft
"""What everybody sees happen. A participant comes before what it sends, and leaves behind it."""


class RoomFacts:
    """The union of what nodes say of one room.

    The order in which it is said does not matter: who has said the same has the same here.
    """

    def __init__(self) -> None:
        self._facts: dict[str, dict[str, RoomFact]] = {}
        """By node and key."""
        self._shards: dict[str, str] = {}
        """Shard → its node."""
        self._shards_of: defaultdict[str, set[str]] = defaultdict(set)
        """Node → the shards that it says are its own."""
        self._claims: defaultdict[str, dict[str, ParticipantFact]] = defaultdict(dict)
        """Participant → node → what it says."""
        self._seen: dict[str, Seen] = {}
        """Participant → who has that id, of all who claim it. In a large room it is asked for each at each join."""
        self._sources: defaultdict[str, dict[tuple[str, str], Source]] = defaultdict(dict)
        """Source → node and key → what it says. (A producer and a data producer of one id would be two.)"""
        self._located: dict[str, Located | None] = {}
        """Source → where it is, of those that were asked for since that may have changed."""
        self._sent_by: defaultdict[str, dict[tuple[str, str, str], None]] = defaultdict(dict)
        """Participant → node, source and key, in the order in which they came here."""
        self._wanting: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        """Source → which shard wants it of which other one."""
        self._wants: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        """Shard and other shard → the sources that the first wants of the second."""
        self._partners: defaultdict[str, dict[str, int]] = defaultdict(dict)
        """Shard → other shards, with how much the two want of each other."""

    def of_node(self, node: str) -> Mapping[str, RoomFact]:
        """All that a node says, by key."""
        return MappingProxyType(self._facts.get(node, {}))

    @property
    def nodes(self) -> Set[str]:
        """Who says anything."""
        return self._facts.keys()

    # ------------------------------------------------------------ who and what is there

    @property
    def shards(self) -> Iterator[tuple[str, str]]:
        """Each shard, with its node."""
        for shard in self._shards:
            node = self.node_of(shard)
            if node is not None:
                yield shard, node

    def node_of(self, shard: str) -> str | None:
        """Whose shard it is; None: there is none of that id."""
        node = self._shards.get(shard)
        return node if node is not None and len(self._shards_of[node]) <= MAX_SHARDS_OF_NODE else None

    @property
    def participants(self) -> Iterator[Seen]:
        """Everybody who is there."""
        return iter(self._seen.values())

    @property
    def participant_count(self) -> int:
        """How many are there."""
        return len(self._seen)

    def participant(self, participant: str) -> Seen | None:
        """Who has that id: of two who claim it, the one that came later."""
        return self._seen.get(participant)

    def next_stamp(self, participant: str, now_ms: int = 1) -> int:
        """With it a new claim wins against all that are known.

        It is the time, where that does: then it wins also against older ones that are not known here, of a node that is
        cut off, or has been.

        Args:
            participant: Who.
            now_ms: The time by this host's clock, in milliseconds since 1970.

        Raises:
            LimitError: There is no greater one: a node claims this id for ever.
        """
        greatest = max((claim.stamp for claim in self._claims.get(participant, {}).values()), default=0)
        if greatest >= MAX_STAMP:
            raise LimitError(f"{participant[:200]!r} is claimed with the greatest stamp that there is")
        return max(greatest + 1, now_ms)

    @property
    def senders(self) -> Iterator[str]:
        """Who sends something: in a large room most do not."""
        return (participant for participant in self._sent_by if participant in self._seen)

    def sources_of(self, participant: str) -> list[Located]:
        """What somebody sends, in the order in which it came here."""
        sent = self._sent_by.get(participant)
        seen = self._seen.get(participant)
        if sent is None or seen is None:
            return []
        return [Located(node, self._sources[source][node, key]) for node, source, key in sent if node == seen.node]

    def source(self, source: str) -> Located | None:
        """Where it is, and what; None: nobody who is there sends it."""
        if source not in self._located:
            if source not in self._sources:
                return None
            self._located[source] = self._locate(source)
        return self._located[source]

    def _locate(self, source: str) -> Located | None:
        claims = self._sources[source]
        for node, key in claims if len(claims) == 1 else sorted(claims):
            fact = claims[node, key]
            seen = self.participant(fact.participant)
            if seen is not None and seen.node == node:
                return Located(node, fact)
        return None

    # ------------------------------------------------------------ what is wanted, and piped

    def wanted(self, shard: str, other: str) -> list[Located]:
        """What a shard wants of another one, as far as it is there."""
        sources = self._wants.get((shard, other))
        if not sources or self.node_of(shard) is None:
            return []
        owner = self.node_of(other)
        located = (self.source(source) for source in sorted(sources))
        return [one for one in located if one is not None and one.node == owner and one.fact.shard == other]

    def partners(self, shard: str) -> Iterable[str]:
        """The other shards of which it wants something, or which want something of it."""
        return self._partners.get(shard, ())

    def wanting(self, source: str) -> set[str]:
        """Which shards want it."""
        return {shard for shard, _ in self._wanting.get(source, ()) if self.node_of(shard) is not None}

    def end(self, shard: str, other: str, *, data: bool) -> PipeEndFact | None:
        """The end of a pipe that a shard has."""
        fact = self._said_by(shard, f"pipe/{shard}/{other}/{'data' if data else 'media'}")
        return fact if isinstance(fact, PipeEndFact) else None

    def piped(self, shard: str, other: str, source: str) -> PipedFact | None:
        """What a shard sends to another one of a source."""
        fact = self._said_by(shard, f"piped/{shard}/{other}/{source}")
        return fact if isinstance(fact, PipedFact) else None

    def touched(self, shard: str, key: str) -> Iterable[str] | None:
        """Towards which other shards a change of a fact can change what a shard is to do about its pipes.

        Asked after the change. In a large room most news are of other pipes, and of scores that nobody here needs.

        Args:
            shard: Which one.
            key: Of the fact.

        Returns:
            The other shards; None: perhaps all of them.
        """
        kind, _, rest = key.partition("/")
        match kind:
            case "pipe" | "piped" | "want":
                shards = parties(key)
                if shards is None or shard not in shards:
                    return ()
                return [one for one in shards if one != shard]
            case "producer" | "data_producer":
                return self._touched_by(shard, rest)
            case "participant":
                sent = self._sent_by.get(rest, ())
                return {other for _, source, _ in sent for other in self._touched_by(shard, source)}
            case "shard":
                return self._touched_by_shard(shard, rest)
            case _:
                return None

    def _touched_by_shard(self, shard: str, other: str) -> Iterable[str] | None:
        if other == shard or len(self._shards_of.get(owner_of(other), ())) in (MAX_SHARDS_OF_NODE, _ONE_TOO_MANY):
            return None  # with it all of that node come, or go
        return [other] if other in self._partners.get(shard, ()) else ()

    def _touched_by(self, shard: str, source: str) -> list[str]:
        """Where a source comes from that the shard wants, and who wants it of the shard."""
        pairs = self._wanting.get(source, ())
        return [other if one == shard else one for one, other in pairs if shard in (one, other)]

    def _said_by(self, shard: str, key: str) -> RoomFact | None:
        node = self.node_of(shard)
        return self._facts[node].get(key) if node is not None else None

    # ------------------------------------------------------------ news

    def forget(self, node: str) -> list[Change]:
        """Nothing that a node has said is true any more."""
        changes: list[Change] = []
        for key in list(self._facts.get(node, ())):
            changes.extend(self.change(node, key, None))
        return changes

    def change(self, node: str, key: str, fact: RoomFact | None) -> list[Change]:
        """A node says something, or takes something back.

        Args:
            node: Who.
            key: The fact's key; one that is not that of the fact is passed over.
            fact: What is true now; None: nothing of that key.

        Returns:
            What everybody sees of it.
        """
        old = self._facts.get(node, {}).get(key)
        if old == fact or (fact is not None and fact.key != key):
            return []
        if not isinstance(old or fact, ParticipantFact | Source):
            self._replace(node, key, old, fact)  # nobody sees anything of it
            return []
        touched = {one.participant for one in (old, fact) if isinstance(one, ParticipantFact | Source)}
        source = key if not any(isinstance(one, ParticipantFact) for one in (old, fact)) else None
        before = {participant: self._appearance(participant, source) for participant in touched}
        for one in (old, fact):
            if isinstance(one, Source):
                self._located.pop(one.id, None)
        if source is None:
            for participant in touched:
                for _, sent, _ in self._sent_by.get(participant, ()):
                    self._located.pop(sent, None)
        self._replace(node, key, old, fact)
        changes: list[Change] = []
        for participant, appearance in before.items():
            changes.extend(_difference(appearance, self._appearance(participant, source)))
        return changes

    def _replace(self, node: str, key: str, old: RoomFact | None, fact: RoomFact | None) -> None:
        if old is not None:
            self._remove(node, old)
            del self._facts[node][key]
            if not self._facts[node]:
                del self._facts[node]
        if fact is not None:
            self._facts.setdefault(node, {})[key] = fact
            self._enter(node, fact)

    def _appearance(self, participant: str, source: str | None) -> _Appearance:
        """How a participant is seen, with the source of one key; None: with all that it sends."""
        seen = self.participant(participant)
        if source is None or seen is None:
            return seen, {one.fact.key: one for one in self.sources_of(participant)}
        fact = self._facts[seen.node].get(source)
        if not isinstance(fact, Source) or fact.participant != participant:
            return seen, {}
        return seen, {source: Located(seen.node, fact)}

    def _enter(self, node: str, fact: RoomFact) -> None:
        match fact:
            case ShardFact():
                self._shards[fact.shard] = node
                self._shards_of[node].add(fact.shard)
            case ParticipantFact():
                self._claims[fact.participant][node] = fact
                self._judge(fact.participant)
            case ProducerFact() | DataProducerFact():
                self._sources[fact.id][node, fact.key] = fact
                self._sent_by[fact.participant][node, fact.id, fact.key] = None
            case WantFact():
                self._wanting[fact.source].add((fact.shard, fact.other))
                self._wants[fact.shard, fact.other].add(fact.source)
                for one, other in ((fact.shard, fact.other), (fact.other, fact.shard)):
                    self._partners[one][other] = self._partners[one].get(other, 0) + 1

    def _remove(self, node: str, fact: RoomFact) -> None:
        match fact:
            case ShardFact():
                self._shards.pop(fact.shard, None)
                _discard(self._shards_of, node, fact.shard)
            case ParticipantFact():
                _pop(self._claims, fact.participant, node)
                self._judge(fact.participant)
            case ProducerFact() | DataProducerFact():
                _pop(self._sources, fact.id, (node, fact.key))
                _pop(self._sent_by, fact.participant, (node, fact.id, fact.key))
            case WantFact():
                _discard(self._wanting, fact.source, (fact.shard, fact.other))
                _discard(self._wants, (fact.shard, fact.other), fact.source)
                for one, other in ((fact.shard, fact.other), (fact.other, fact.shard)):
                    self._partners[one][other] -= 1
                    if not self._partners[one][other]:
                        _pop(self._partners, one, other)

    def _judge(self, participant: str) -> None:
        """Who has that id now."""
        claims = self._claims.get(participant)
        if not claims:
            self._seen.pop(participant, None)
            return
        node = max(claims, key=lambda node: (claims[node].stamp, node))
        self._seen[participant] = Seen(node, claims[node])


_Appearance: TypeAlias = tuple[Seen | None, dict[str, Located]]


def _difference(before: _Appearance, after: _Appearance) -> Iterator[Change]:
    (was, sent), (seen, sends) = before, after
    replaced = was is not None and seen is not None and (was.node, was.fact.stamp) != (seen.node, seen.fact.stamp)
    kept = {} if replaced else sends
    for source, located in sent.items():
        if source not in kept or kept[source].fact.shard != located.fact.shard:
            yield SourceLeft(located)
    if was is not None and (seen is None or replaced):
        yield ParticipantLeft(was)
    if seen is not None and (was is None or replaced):
        yield ParticipantCame(seen)
    elif seen is not None and was is not None and seen != was:
        yield ParticipantChanged(was, seen)
    for source, located in sends.items():
        known = None if replaced else sent.get(source)
        if known is None or known.fact.shard != located.fact.shard:
            yield SourceCame(located)
        elif known != located:
            yield SourceChanged(known, located)


def _discard(table: dict[K, set[T]], key: K, entry: T) -> None:
    entries = table.get(key)
    if entries is not None:
        entries.discard(entry)
        if not entries:
            del table[key]


def _pop(table: dict[str, dict[K, T]], key: str, entry: K) -> None:
    entries = table.get(key)
    if entries is not None:
        entries.pop(entry, None)
        if not entries:
            del table[key]
