"""A node that lies: it says of itself what is not true, and of others what is theirs to say."""

from __future__ import annotations

from msgspec.structs import replace

from miso.cluster.facts import (
    NodeFact,
    ParticipantFact,
    PipedFact,
    PipeEndFact,
    ProducerFact,
    RoomFact,
    ShardFact,
    WantFact,
)
from miso.cluster.room_facts import MAX_STAMP, RoomFacts
from tests.cluster.simulation.directory import SimDirectory
from tests.cluster.simulation.scheduler import Scheduler, Work
from tests.cluster.simulation.store import Store

KINDS = ("shards", "participants", "sources", "crowd", "tokens", "pipes")
"""What it lies about."""
NODE = "a-liar-00000000"
MINE = NODE + ":"
_EACH_S = 0.25


class Liar:
    """It is in one room, and says something else each quarter of a second.

    Attributes:
        node: Its id, which is less than those of all hosts.
        told: How many lies it has told.
    """

    def __init__(self, room: str, kind: str, store: Store) -> None:
        self.node = NODE
        self.told = 0
        self._kind = kind
        self._scheduler: Scheduler = store.scheduler
        self._is_alive = True
        self._store = store
        self._facts = RoomFacts()
        self._directory = SimDirectory(self.node, store, self)
        self._directory.start(NodeFact(node=self.node, name="a-liar", ip="not an address", url="javascript:alert(1)"))
        self._entry = self._directory.enter(room, self)
        self.after(_EACH_S, self._lie)

    def after(self, delay_s: float, work: Work) -> None:
        """See ``Process``."""
        self._scheduler.after(delay_s, lambda: work() if self._is_alive else None)

    def run(self, work: Work) -> None:
        """See ``Process``."""
        if self._is_alive:
            work()

    def die(self) -> None:
        """It is no more."""
        self._is_alive = False
        self._store.detach(self.node)

    def changed(self, node: str, fact_key: str, fact: RoomFact | None) -> None:
        """See ``Watcher``."""
        self._facts.change(node, fact_key, fact)

    def said(self, node: str, message: object) -> None:
        """See ``Watcher``."""

    def _lie(self) -> None:
        self.after(_EACH_S, self._lie)
        others = [node for node in self._facts.nodes if node != self.node]
        facts = [fact for node in sorted(others) for fact in self._facts.of_node(node).values()]
        for fact in self._scheduler.random.sample(facts, min(len(facts), 40)):
            for lie in self._about(fact):
                self.told += 1
                self._entry.put(lie)

    def _about(self, fact: RoomFact) -> list[RoomFact]:
        """What is not true about what another node has said."""
        random = self._scheduler.random
        token = f"{random.getrandbits(32):x}"
        match self._kind, fact:
            case "shards", ShardFact():
                return [fact]  # it says that it is its own
            case "participants", ParticipantFact():
                stamp = random.choice((0, fact.stamp, fact.stamp + 1, MAX_STAMP))
                return [ParticipantFact(participant=fact.participant, shard=MINE + "lie0", stamp=stamp, info={})]
            case "sources", ProducerFact():
                return [replace(fact, shard=MINE + "lie1"), replace(fact, shard=MINE + "lie1", participant="nobody")]
            case "crowd", ProducerFact():
                # more shards than a host has workers, which want everything
                shards = [f"{MINE}lie{number}" for number in range(self.told, self.told + 8)]
                wants = [WantFact(shard=shard, other=fact.shard, source=fact.producer) for shard in shards]
                return [*(ShardFact(shard=shard) for shard in shards), *wants]
            case "tokens", ProducerFact():
                # an end that is another one each time it is looked at
                end = PipeEndFact(shard=MINE + "lie2", other=fact.shard, data=False, token=token, ip="0.0.0.0", port=1)
                return [
                    ShardFact(shard=MINE + "lie2"),
                    WantFact(shard=MINE + "lie2", other=fact.shard, source=fact.producer),
                    end,
                ]
            case "pipes", ProducerFact():
                shard = MINE + "lie3"
                return [ShardFact(shard=shard), WantFact(shard=shard, other=fact.shard, source=fact.producer)]
            case "pipes", PipeEndFact():
                # ends that are connected with some other end, and what is another one's to say
                own = replace(fact, shard=MINE + "lie3", other=fact.shard, token=token)
                return [replace(own, remote=random.choice(("", fact.token, token))), replace(fact, token=token)]
            case "pipes", PipedFact():
                return [replace(fact, token=token), replace(fact, shard=MINE + "lie3", other=fact.shard, rtp=None)]
            case _:
                return []
