"""A room at two hosts: who is shown, who has an id that two claim, and what is told in which order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from miso.cluster.directory.directory import Entry
from miso.cluster.directory.memory import MemoryDirectory, MemoryStore
from miso.cluster.facts import BotWords, Message, WantFact
from miso.cluster.room import ClusterRoom
from miso.cluster.room_facts import Change, RoomFacts
from tests.cluster.directory.recorder import until


class Shard:
    """One that counts how often it looks."""

    def __init__(self, shard_id: str, facts: RoomFacts, entry: Entry) -> None:
        self.id = shard_id
        self.facts = facts
        self.entry = entry
        self.looks = 0
        self.closed = False

    def look(self, others: Iterable[str] | None = None) -> None:
        self.looks += 1

    def close(self) -> None:
        self.closed = True


class Host:
    """A host's part of the room, and what it was told."""

    def __init__(self, directory: MemoryDirectory) -> None:
        self.told: list[str] = []
        self.displaced_ids: list[str] = []
        self.heard: list[Message] = []
        self.room: ClusterRoom[Shard] = ClusterRoom("room", directory, self)
        self.shard = self.room.open(Shard)

    @classmethod
    async def start(cls, node: str, store: MemoryStore) -> Host:
        directory = MemoryDirectory(node, store)
        await directory.start()
        return cls(directory)

    def happened(self, change: Change) -> None:
        what = change[-1].fact
        self.told.append(f"{type(change).__name__} {what.key}")

    def displaced(self, participant: str) -> None:
        self.displaced_ids.append(participant)

    def said(self, message: Message) -> None:
        self.heard.append(message)

    @property
    def ids(self) -> set[str]:
        return {seen.fact.participant for seen in self.room.facts.participants}


@pytest.fixture
async def hosts() -> tuple[Host, Host]:
    store = MemoryStore()
    return await Host.start("a-00000001", store), await Host.start("b-00000002", store)


async def test_everybody_sees_everybody(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    await asyncio.gather(a.room.synced(), b.room.synced())
    ann = a.room.enter("ann", a.shard.id, {"displayName": "Ann"})
    assert a.ids == {"ann"}, "at once"
    b.room.enter("bob", b.shard.id, {})
    await until(lambda: a.ids == b.ids == {"ann", "bob"})
    ann.change_info({"displayName": "Anna"})
    await until(lambda: b.told[-1] == "ParticipantChanged participant/ann")
    looks = b.shard.looks
    ann.leave()
    ann.leave()
    ann.change_info({})
    await until(lambda: b.ids == {"bob"})
    assert b.shard.looks == looks, "who sent nothing changes no pipe"
    looks = a.shard.looks
    b.shard.entry.put(WantFact(shard=b.shard.id, other=a.shard.id, source="x"))
    await until(lambda: a.shard.looks > looks)
    looks = b.shard.looks
    a.room.end(a.shard)
    await until(lambda: b.shard.looks > looks)
    assert (a.room.members, set(b.room.members)) == ({}, {"bob"})


async def test_who_comes_again_at_another_host_is_sent_away_at_the_first(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    a.room.enter("ann", a.shard.id, {"at": "a"})
    await until(lambda: b.ids == {"ann"})
    b.room.enter("ann", b.shard.id, {"at": "b"})
    await until(lambda: a.displaced_ids == ["ann"])
    assert (a.room.members, b.displaced_ids) == ({}, [])
    assert a.told[-2:] == ["ParticipantLeft participant/ann", "ParticipantCame participant/ann"]
    seen = b.room.facts.participant("ann")
    assert seen is not None
    assert seen.fact.info == {"at": "b"}


async def test_who_comes_again_at_this_host_has_its_id_at_once(hosts: tuple[Host, Host]) -> None:
    a, _ = hosts
    first = a.room.enter("ann", a.shard.id, {})
    second = a.room.enter("ann", a.shard.id, {})
    first.leave()
    assert a.room.members == {"ann": second}
    assert [line.split()[0] for line in a.told] == ["ParticipantCame", "ParticipantLeft", "ParticipantCame"]
    assert a.displaced_ids == []


async def test_two_who_come_with_one_id_at_the_same_moment_end_as_one(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    a.room.enter("ann", a.shard.id, {})
    b.room.enter("ann", b.shard.id, {})
    await until(lambda: a.displaced_ids == ["ann"])
    assert b.displaced_ids == []
    await until(lambda: [seen.node for seen in a.room.facts.participants] == ["b-00000002"])


async def test_what_is_said_is_heard_by_the_others_only(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    a.room.say(BotWords(text="hello"))
    await until(lambda: b.heard == [BotWords(text="hello")])
    assert a.heard == []


async def test_a_host_that_leaves_takes_all_back(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    a.room.enter("ann", a.shard.id, {})
    b.room.enter("bob", b.shard.id, {})
    await until(lambda: b.ids == {"ann", "bob"})
    a.room.close()
    a.room.close()
    assert a.shard.closed
    await until(lambda: b.ids == {"bob"})
    assert list(b.room.facts.shards) == [(b.shard.id, "b-00000002")]
    told = len(a.told)
    b.room.enter("cid", b.shard.id, {})
    await until(lambda: "ParticipantCame participant/cid" in b.told)
    assert len(a.told) == told


async def test_a_shard_that_has_ended_is_not_there(hosts: tuple[Host, Host]) -> None:
    a, b = hosts
    second = a.room.open(Shard)
    await until(lambda: len(list(b.room.facts.shards)) == 3)
    a.room.end(second)
    a.room.end(second)
    assert second.closed
    await until(lambda: len(list(b.room.facts.shards)) == 2)


async def test_a_fault_of_who_is_told_costs_that_call_only(
    hosts: tuple[Host, Host], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = hosts
    happened = b.happened
    monkeypatch.setattr(b, "happened", lambda change: happened(change) or 1 / 0)
    a.room.enter("ann", a.shard.id, {})
    a.room.enter("bob", a.shard.id, {})
    await until(lambda: b.ids == {"ann", "bob"})
    assert len(b.told) == 2
    assert "ZeroDivisionError" in caplog.text
