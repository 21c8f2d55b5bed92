"""A room as this host has it: its own shards and participants, and what everybody sees of all of it."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Generic, Literal, Protocol, TypeVar

import msgspec

from miso.cluster.directory.directory import Entry, Watcher
from miso.cluster.facts import (
    DataProducerFact,
    Message,
    ParticipantFact,
    ProducerFact,
    RoomFact,
    ShardFact,
    Source,
    WantFact,
)
from miso.cluster.room_facts import Change, ParticipantCame, RoomFacts
from miso.cluster.shard_id import new_shard_id
from miso.controller import DataProducer, Producer

logger = logging.getLogger(__name__)

Flag = Literal["peer", "broadcaster", "guest"]


class Entrance(Protocol):
    """What a room needs of a ``Directory``."""

    @property
    def node(self) -> str:
        """This host's id."""

    def enter(self, room: str, watcher: Watcher) -> Entry:
        """Begins to say and to hear something about a room."""


class Listener(Protocol):
    """Who shows the room to its people. It is called as things happen, and returns at once."""

    def happened(self, change: Change) -> None:
        """Somebody came, changed or left, or what somebody sends did; be it here or at another host."""

    def displaced(self, participant: str) -> None:
        """One of this host's participants has come again through another host: here it is to be sent away."""

    def said(self, message: Message) -> None:
        """Another host has told this."""


class OwnShard(Protocol):
    """One of this host's shards, as its room needs it."""

    @property
    def id(self) -> str:
        """Its id."""

    def look(self, others: Iterable[str] | None = None) -> None:
        """Something is another way now, towards some other shards; None: perhaps towards all."""

    def close(self) -> None:
        """Takes back all that it said, and ends its pipes."""


ShardT = TypeVar("ShardT", bound=OwnShard)


class ClusterRoom(Generic[ShardT]):
    """What this host says of a room, and what it hears.

    Attributes:
        name: The room's.
        facts: All that is said of it.
        shards: This host's, by id.
        closed: Whether this host has left it.

    Args:
        name: The room's.
        directory: What all hosts say.
        listener: Who shows it.
        new_id: Gives a shard of a node its id.
        clock_ms: Gives the time, in milliseconds since 1970.
    """

    def __init__(
        self,
        name: str,
        directory: Entrance,
        listener: Listener,
        *,
        new_id: Callable[[str], str] = new_shard_id,
        clock_ms: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        self.name = name
        self.facts = RoomFacts()
        self.closed = False
        self._node = directory.node
        self._new_id = new_id
        self._clock_ms = clock_ms
        self._listener = listener
        self._shards: dict[str, ShardT] = {}
        self._members: dict[str, Member] = {}
        self._changes: deque[Change] = deque()
        self._telling = False
        self._entry = directory.enter(name, self)

    @property
    def shards(self) -> Mapping[str, ShardT]:
        """This host's, by id."""
        return MappingProxyType(self._shards)

    @property
    def members(self) -> Mapping[str, Member]:
        """This host's participants, by id."""
        return MappingProxyType(self._members)

    async def synced(self) -> None:
        """Waits until it is known what the other hosts have of the room.

        Raises:
            DirectoryAwayError: Nobody can tell at the moment.
        """
        await self._entry.synced()

    def open(self, make: Callable[[str, RoomFacts, Entry], ShardT]) -> ShardT:
        """One more shard of this host's.

        Args:
            make: Makes it, of its id, what is said of the room, and where it says more.
        """
        shard = make(self._new_id(self._node), self.facts, self._entry)
        self._shards[shard.id] = shard
        self._entry.put(ShardFact(shard=shard.id))
        return shard

    def end(self, shard: ShardT) -> None:
        """A shard is no more, and nobody is on it. May be called again."""
        if self._shards.pop(shard.id, None) is not None:
            shard.close()
            self._entry.drop(ShardFact(shard=shard.id).key)

    def enter(
        self,
        participant: str,
        shard: str,
        info: dict[str, Any],
        *,
        secret_hash: str = "",
        proves: bool = False,
        flag: Flag = "peer",
    ) -> Member:
        """One of this host's participants is shown to everybody. It has its id from now on, whoever had it before.

        Args:
            participant: Its id.
            shard: Where its media are.
            info: How it is shown.
            secret_hash: SHA-256 of what it may prove itself with, hexadecimal; "": nothing.
            proves: Whether it has shown that it knows the secret.
            flag: What it is.

        Raises:
            LimitError: Some node claims its id for ever.
        """
        old = self._members.get(participant)
        if old is not None:
            old.leave()
        stamp = self.facts.next_stamp(participant, self._clock_ms())
        fact = ParticipantFact(
            participant=participant,
            shard=shard,
            stamp=stamp,
            info=info,
            secret_hash=secret_hash,
            proves=proves,
            flag=flag,
        )
        member = self._members[participant] = Member(fact, self._entry, self.facts, lambda: self._gone(member))
        self._entry.put(fact)
        return member

    def say(self, message: Message) -> None:
        """Tells the other hosts something that is not kept."""
        self._entry.say(message)

    def close(self) -> None:
        """This host leaves the room: all that it said is taken back. May be called again."""
        if self.closed:
            return
        self.closed = True
        for shard in self._shards.values():
            shard.close()
        self._shards.clear()
        self._members.clear()
        self._entry.leave()

    def _gone(self, member: Member) -> None:
        if self._members.get(member.id) is member:
            del self._members[member.id]

    # ------------------------------------------------------------ what the directory tells

    def changed(self, node: str, fact_key: str, fact: RoomFact | None) -> None:
        """See :class:`.Watcher`."""
        if self.closed:
            return
        self._changes.extend(self.facts.change(node, fact_key, fact))
        for shard in self._shards.values():
            others = self.facts.touched(shard.id, fact_key)
            if others is None or others:
                shard.look(others)
        self._tell()
        if isinstance(fact, WantFact):
            self._wanted(fact.source)

    def _wanted(self, source: str) -> None:
        """Somebody at another shard is given what one of this host's participants sends."""
        located = self.facts.source(source)
        if located is not None and located.node == self._node:
            member = self._members.get(located.fact.participant)
            if member is not None:
                member.wanted(source)

    def said(self, node: str, message: Message) -> None:
        """See :class:`.Watcher`."""
        if not self.closed:
            self._listener.said(message)

    def _tell(self) -> None:
        """One after the other: whoever hears of a change may say something that is the next one."""
        if self._telling:
            return
        self._telling = True
        try:
            while self._changes and not self.closed:
                self._tell_one(self._changes.popleft())
        finally:
            self._telling = False

    def _tell_one(self, change: Change) -> None:
        try:
            self._listener.happened(change)
            if isinstance(change, ParticipantCame) and change.seen.node != self._node:
                member = self._members.get(change.seen.fact.participant)
                if member is not None:
                    logger.info("room=%s participant=%s is at %s now", self.name, member.id, change.seen.node)
                    member.leave()
                    self._listener.displaced(member.id)
        except Exception:  # a bug of ours: the others are told all the same
            logger.exception("room=%s %s", self.name, type(change).__name__)


class Member:
    """One of this host's participants, and what is said of it.

    Attributes:
        id: Its id.
        shard: Where its media are.
    """

    def __init__(self, fact: ParticipantFact, entry: Entry, facts: RoomFacts, on_leave: Callable[[], None]) -> None:
        self.id = fact.participant
        self.shard = fact.shard
        self._fact = fact
        self._entry = entry
        self._facts = facts
        self._on_leave = on_leave
        self._sources: dict[str, Source] = {}
        self._producers: dict[str, Producer] = {}
        self._left = False

    def change_info(self, info: dict[str, Any]) -> None:
        """It is shown in another way now."""
        if not self._left:
            self._fact = msgspec.structs.replace(self._fact, info=info)
            self._entry.put(self._fact)

    def offer(self, producer: Producer) -> None:
        """It sends audio or video, until the producer closes."""
        self._offer(
            ProducerFact(
                producer=producer.id,
                participant=self.id,
                shard=self.shard,
                kind=producer.kind,
                type=producer.type,
                rtp=producer.consumable_rtp_parameters,
                paused=producer.paused,
                app_data=producer.app_data,
            ),
            producer,
        )
        producer.observer.on("pause", lambda: self._change(producer.id, paused=True))
        producer.observer.on("resume", lambda: self._change(producer.id, paused=False))
        producer.observer.on("score", lambda score: self._score(producer))
        if producer.id not in self._sources:
            return
        self._producers[producer.id] = producer
        producer.observer.once("close", lambda: self._producers.pop(producer.id, None))

    def offer_data(self, data_producer: DataProducer) -> None:
        """It sends on a data channel, until the data producer closes."""
        self._offer(
            DataProducerFact(
                data_producer=data_producer.id,
                participant=self.id,
                shard=self.shard,
                label=data_producer.label,
                protocol=data_producer.protocol,
                sctp=data_producer.sctp_stream_parameters,
                app_data=data_producer.app_data,
            ),
            data_producer,
        )

    def leave(self) -> None:
        """It is not shown any more, nor what it sends. May be called again."""
        if self._left:
            return
        self._left = True
        self._on_leave()
        self._entry.drop(self._fact.key)
        for fact in self._sources.values():
            self._entry.drop(fact.key)
        self._sources.clear()

    def _offer(self, fact: Source, source: Producer | DataProducer) -> None:
        if self._left or source.closed:
            return
        self._sources[fact.id] = fact
        source.observer.once("close", lambda: self._withdraw(fact.id))
        self._entry.put(fact)

    def _withdraw(self, source: str) -> None:
        fact = self._sources.pop(source, None)
        if fact is not None:
            self._entry.drop(fact.key)

    def wanted(self, source: str) -> None:
        """Somebody at another part of the room is given what it sends there: it is to know how well it arrives."""
        producer = self._producers.get(source)
        if producer is not None:
            self._score(producer)

    def _score(self, producer: Producer) -> None:
        if self._facts.wanting(producer.id):  # nobody else asks for it, and it changes often
            self._change(producer.id, score=[one.score for one in producer.score])

    def _change(self, producer: str, **changes: object) -> None:
        fact = self._sources.get(producer)
        if fact is not None:
            self._sources[producer] = fact = msgspec.structs.replace(fact, **changes)
            self._entry.put(fact)
