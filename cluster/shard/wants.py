"""What a shard wants of other ones: as long as somebody has a lease of it, and a moment longer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from miso.cluster.facts import RoomFact, WantFact

T = TypeVar("T")


class Facts(Protocol):
    """Where a shard says what is true of it."""

    def put(self, fact: RoomFact) -> None:
        """Says a fact, or says it anew."""

    def drop(self, key: str) -> None:
        """Takes a fact back; one that is not there, too."""


class Lease(Generic[T]):
    """Somebody's claim to a source.

    It does not outlive the producer: when that closes, the lease is to be released and, if the source is still there,
    fetched again.

    Attributes:
        producer: The source itself, or its copy in this shard.
    """

    def __init__(self, producer: T, release: Callable[[], None]) -> None:
        self.producer = producer
        self._release: Callable[[], None] | None = release

    def release(self) -> None:
        """It is not used any more; may be called again."""
        release, self._release = self._release, None
        if release is not None:
            release()


class Wants:
    """The sources that a shard wants, each with how many hold it."""

    def __init__(self, shard: str, facts: Facts, linger_s: float) -> None:
        """Nothing is wanted.

        Args:
            shard: Which one.
            facts: Where it is said.
            linger_s: So long, in seconds, a source stays wanted when nobody holds it any more: who looks away for a
                moment finds it there.
        """
        self._shard = shard
        self._facts = facts
        self._linger_s = linger_s
        self._held: dict[str, int] = {}
        self._said: dict[str, WantFact] = {}
        self._lingering: dict[str, asyncio.TimerHandle] = {}

    def hold(self, source: str, other: str) -> None:
        """Somebody wants the source, which arrives at that other shard; each call needs its ``release``."""
        self._held[source] = self._held.get(source, 0) + 1
        lingering = self._lingering.pop(source, None)
        if lingering is not None:
            lingering.cancel()
        fact = WantFact(shard=self._shard, other=other, source=source)
        said = self._said.get(source)
        if said is not None and said != fact:
            self._facts.drop(said.key)
        self._said[source] = fact
        self._facts.put(fact)

    def release(self, source: str) -> None:
        """One who wanted it does no more."""
        if source not in self._held:  # the shard has closed since
            return
        self._held[source] -= 1
        if self._held[source] == 0:
            del self._held[source]
            loop = asyncio.get_running_loop()
            self._lingering[source] = loop.call_later(self._linger_s, self._end, source)

    def close(self) -> None:
        """Wants nothing any more."""
        for lingering in self._lingering.values():
            lingering.cancel()
        for fact in self._said.values():
            self._facts.drop(fact.key)
        self._said.clear()
        self._held.clear()
        self._lingering.clear()

    def _end(self, source: str) -> None:
        del self._lingering[source]
        self._facts.drop(self._said.pop(source).key)
