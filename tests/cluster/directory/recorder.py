"""A watcher that keeps what it is told, as a room would."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from miso.cluster.facts import BotWords, Message, ParticipantFact, RoomFact, ShardFact, WantFact, addressee

WAIT_S = 60.0
"""Of a test for something that comes at once on an idle machine."""


class Recorder:
    """What a watcher was told.

    Attributes:
        facts: What is true, by node and key.
        told: Each change, in order.
        heard: Each message.
    """

    def __init__(self) -> None:
        self.facts: dict[tuple[str, str], RoomFact] = {}
        self.told: list[tuple[str, str, RoomFact | None]] = []
        self.heard: list[tuple[str, Message]] = []
        self._news = asyncio.Event()

    def changed(self, node: str, fact_key: str, fact: RoomFact | None) -> None:
        self.told.append((node, fact_key, fact))
        before = self.facts.pop((node, fact_key), None)
        assert before != fact, "told of a change that is none"
        if fact is not None:
            self.facts[node, fact_key] = fact
        self._news.set()

    def said(self, node: str, message: Message) -> None:
        self.heard.append((node, message))
        self._news.set()

    def shards(self) -> set[tuple[str, str]]:
        """Node and id of each shard, without the node's in it."""
        shards = [(node, fact.shard) for (node, _), fact in self.facts.items() if isinstance(fact, ShardFact)]
        return {(node, shard.removeprefix(f"{node}:")) for node, shard in shards}

    def words(self) -> list[str]:
        """What bots have said."""
        return [message.text for _, message in self.heard if isinstance(message, BotWords)]

    async def until(self, what: Callable[[Recorder], bool]) -> None:
        """Waits until what it was told has made this true."""
        async with asyncio.timeout(WAIT_S):
            while not what(self):
                self._news.clear()
                await self._news.wait()


class Node(Protocol):
    """A directory, as far as it matters whose it is."""

    @property
    def node(self) -> str:
        """Its node."""


def shard(owner: Node, name: str) -> ShardFact:
    """A shard of that node."""
    return ShardFact(shard=f"{owner.node}:{name}")


def participant(owner: Node, name: str, stamp: int = 0, **info: object) -> ParticipantFact:
    """Somebody at that node."""
    return ParticipantFact(participant=name, shard=f"{owner.node}:s", stamp=stamp, info=dict(info))


def want(owner: Node, other: str, source: str = "x") -> WantFact:
    """What a shard of one node wants of a shard of another one."""
    return WantFact(shard=f"{owner.node}:s", other=f"{other}:s", source=source)


def known_by(node: str, union: Mapping[tuple[str, str], RoomFact]) -> dict[tuple[str, str], RoomFact]:
    """What a node is to know of all that is said: what is for all, for it, and its own."""
    return {
        (said_by, key): fact
        for (said_by, key), fact in union.items()
        if said_by == node or addressee(key) in (None, node)
    }


async def until(what: Callable[[], bool], within_s: float = WAIT_S) -> None:
    """Waits until something is true that nobody tells of."""
    async with asyncio.timeout(within_s):
        while not what():  # noqa: ASYNC110  what is waited for here tells nobody
            await asyncio.sleep(0.02)
