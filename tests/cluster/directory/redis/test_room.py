"""What a room writes and reads next: letters in order, missing, late, and faster than what was read."""

from __future__ import annotations

from collections import Counter

import msgspec

from miso.cluster.directory.redis.inbox import READ_ALL, Letter
from miso.cluster.directory.redis.room import MAX_UNSENT, Room
from miso.cluster.facts import ShardFact, encode
from tests.cluster.directory.recorder import Recorder

OTHER = "other-00000002"


class Port:
    """A directory in which the other node lives."""

    def __init__(self) -> None:
        self.has_grace = False
        self.number = 0

    def wake(self, room: Room) -> None: ...

    def left(self, room: Room) -> None: ...

    def gone(self, room: Room) -> None: ...

    def next_number(self) -> int:
        self.number += 1
        return self.number

    def is_live(self, node: str) -> bool:
        return node == OTHER

    def not_kept(self, room: Room, key: str, reason: str) -> None: ...


def made() -> tuple[Room, Recorder, Port]:
    """A room that was written once, with nobody in it."""
    port, seen = Port(), Recorder()
    room = Room(port, "own-00000001", "room", "hash", seen, Counter(), 1.0)
    room.write_all()
    write = room.next_write()
    assert write is not None
    room.written(write, set())
    return room, seen, port


def letter(prev: int, seq: int, *shards: str) -> Letter:
    put = [msgspec.Raw(encode(ShardFact(shard=shard))) for shard in shards]
    return Letter(n=seq, node=OTHER, room="hash", prev=prev, seq=seq, put=put)


def reply(seq: int, *shards: str) -> list[bytes | int]:
    facts = [part for shard in shards for part in (f"shard/{shard}".encode(), encode(ShardFact(shard=shard)))]
    return [str(seq).encode(), 0, *facts]


def shards(seen: Recorder) -> set[str]:
    return {shard for _, shard in seen.shards()}


def test_letters_in_order_need_no_reading() -> None:
    room, seen, _ = made()
    room.hear(letter(0, 3, "a"))
    room.hear(letter(3, 4, "b"))
    assert shards(seen) == {"a", "b"}
    assert not room.next_reads()


def test_a_letter_after_a_missing_one_is_not_believed_but_read() -> None:
    room, seen, _ = made()
    room.hear(letter(0, 3, "a"))
    room.hear(letter(4, 5, "c"))
    assert shards(seen) == {"a"}
    assert room.next_reads() == {OTHER: 3}
    room.read(OTHER, 3, reply(5, "b", "c"))
    assert shards(seen) == {"b", "c"}
    room.hear(letter(5, 6, "d"))
    assert shards(seen) == {"b", "c", "d"}


def test_a_letter_that_asks_for_it_is_read() -> None:
    room, _, _ = made()
    room.hear(letter(READ_ALL, 9))
    assert room.next_reads() == {OTHER: 0}


def test_a_letter_of_what_was_read_already_changes_nothing() -> None:
    room, seen, _ = made()
    room.read(OTHER, 0, reply(7, "a"))
    room.hear(letter(5, 6, "old"))
    room.hear(letter(6, 7, "a"))
    assert shards(seen) == {"a"}
    assert not room.next_reads()


def test_what_was_read_before_a_letter_came_is_read_again() -> None:
    room, seen, _ = made()
    room.hear(letter(0, 3, "a"))
    room.read(OTHER, 0, reply(2, "old"))
    assert shards(seen) == {"a"}
    assert room.next_reads() == {OTHER: 3}


def test_what_redis_has_lost_is_kept_until_its_node_says_it_again() -> None:
    room, seen, port = made()
    room.hear(letter(0, 3, "a"))
    port.has_grace = True
    room.read(OTHER, 3, [])
    assert shards(seen) == {"a"}
    port.has_grace = False
    room.read(OTHER, 3, [])
    assert shards(seen) == set()


def test_changes_of_one_fact_are_one_write() -> None:
    room, _, _ = made()
    for _ in range(3):
        room.put(ShardFact(shard="a"))
        room.drop("shard/a")
        room.put(ShardFact(shard="b"))
    write = room.next_write()
    assert write is not None
    assert (write.mode, set(write.puts), list(write.drops)) == ("1", {"shard/b"}, ["shard/a"])
    assert room.next_write() is None


def test_too_many_changes_become_one_write_of_everything() -> None:
    room, _, _ = made()
    for number in range(MAX_UNSENT + 1):
        room.put(ShardFact(shard=str(number)))
        room.drop(f"shard/{number}")
    room.put(ShardFact(shard="last"))
    write = room.next_write()
    assert write is not None
    assert (write.mode, set(write.puts), list(write.drops), write.prev) == ("all", {"shard/last"}, [], READ_ALL)
