"""What a room writes and reads next: letters in order, missing, late, and faster than what was read."""

from __future__ import annotations

from collections import Counter

import msgspec

from miso.cluster.directory.redis.inbox import READ_ALL, Letter
from miso.cluster.directory.redis.marks import FOR_ALL, FOR_ONE
from miso.cluster.directory.redis.room import MAX_UNSENT, Room, Write, letter_of
from miso.cluster.directory.said_bytes import SaidBytes
from miso.cluster.facts import BotWords, RoomFact, ShardFact, WantFact, decode_fact, encode
from tests.cluster.directory.recorder import Recorder

OWN = "own-00000001"
OTHER = "other-00000002"
THIRD = "third-00000003"


class Port:
    """A directory in which the other node lives."""

    def __init__(self) -> None:
        self.has_grace = False
        self.number = 0
        self.has_other = False

    def wake(self, room: Room) -> None: ...

    def left(self, room: Room) -> None: ...

    def gone(self, room: Room) -> None: ...

    def is_entered_again(self, room: Room) -> bool:
        return self.has_other

    def next_number(self) -> int:
        self.number += 1
        return self.number

    def is_live(self, node: str) -> bool:
        return node == OTHER

    def not_kept(self, room: Room, key: str, reason: str) -> None: ...


def made() -> tuple[Room, Recorder, Port]:
    """A room that was written once, with nobody in it."""
    port, seen = Port(), Recorder()
    room = Room(port, OWN, "room", "hash", seen, Counter(), 1.0)
    room.write_all()
    write = room.next_write()
    assert write is not None
    room.written(write, set())
    return room, seen, port


def letter(prev: int, seq: int, *shards: str) -> Letter:
    put = [msgspec.Raw(encode(ShardFact(shard=f"{OTHER}:{shard}"))) for shard in shards]
    return Letter(n=seq, node=OTHER, room="hash", prev=prev, seq=seq, put=put)


def reply(seq: int, *shards: str) -> list[bytes | int]:
    facts = [
        part
        for shard in shards
        for part in (f"shard/{OTHER}:{shard}".encode(), encode(ShardFact(shard=f"{OTHER}:{shard}")))
    ]
    return [str(seq).encode(), 0, 0, len(shards), *facts]


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


def written(room: Room, *facts: RoomFact) -> Write:
    """What is written of these facts, once Redis has it."""
    for fact in facts:
        room.put(fact)
    write = room.next_write()
    assert write is not None
    room.written(write, {OTHER, THIRD})
    return write


def of_own(to: str, source: str) -> WantFact:
    return WantFact(shard=f"{OWN}:s", other=f"{to}:s", source=source)


def test_what_is_for_one_node_is_in_no_letter_to_another_one() -> None:
    room, _, _ = made()
    write = written(room, of_own(OTHER, "x"))
    told = letter_of(write, 1, OWN, OTHER)
    assert told is not None
    assert (told.prev, told.seq, [decode_fact(bytes(raw)) for raw in told.put]) == (1, 2, [of_own(OTHER, "x")])
    assert letter_of(write, 1, OWN, THIRD) is None


def test_each_reader_is_told_which_write_before_had_something_for_it() -> None:
    room, _, _ = made()
    for source in "xyz":
        write = written(room, of_own(OTHER, source))
    assert write.seq == 4
    write = written(room, ShardFact(shard=f"{OWN}:s"))
    letters = {to: letter_of(write, 1, OWN, to) for to in (OTHER, THIRD)}
    assert {to: (it.prev, it.seq) for to, it in letters.items() if it is not None} == {OTHER: (4, 5), THIRD: (1, 5)}
    assert (write.marks, set(write.unmarks)) == ({FOR_ALL: b"5"}, {FOR_ONE + OTHER})
    write = written(room, of_own(THIRD, "x"))
    assert (write.prevs, write.marks) == ({}, {FOR_ONE + THIRD: b"6"})


def test_who_is_only_spoken_to_is_told_of_no_write() -> None:
    room, _, _ = made()
    room.say(BotWords(text="hello"))
    write = written(room, of_own(OTHER, "x"))
    told = letter_of(write, 1, OWN, THIRD)
    assert told is not None
    assert (told.prev, told.seq, told.put, len(told.say)) == (1, 1, [], 1)


def test_writes_between_that_were_for_others_are_not_missed() -> None:
    room, seen, _ = made()
    room.hear(letter(0, 3, "a"))
    room.read(OTHER, 3, reply(7, "a"))
    room.hear(letter(3, 9, "b"))
    assert shards(seen) == {"a", "b"}
    assert not room.next_reads()


def test_a_first_letter_of_a_node_that_was_known_is_read() -> None:
    """It has left and come again, and the letter that says so was lost."""
    room, _, _ = made()
    room.hear(letter(0, 3, "a"))
    room.hear(letter(0, 9, "b"))
    assert room.next_reads() == {OTHER: 3}


def test_a_node_that_says_too_much_is_heard_until_there() -> None:
    refused: Counter[str] = Counter()
    told: list[str] = []
    seen, said_bytes = Recorder(), SaidBytes(room_bytes=300, node_bytes=500)
    rooms = [
        Room(Port(), OWN, name, name, seen if name == "room" else Recorder(), refused, 1.0, said_bytes, told.append)
        for name in ("room", "another")
    ]
    for at, room in enumerate(rooms):
        for number in range(10):
            room.hear(letter(number, number + 1, f"{number}{'x' * 20}"))
        assert refused["too many bytes"] == (6, 13)[at]
    assert len(seen.facts) == 4
    assert OTHER in told[0]
    rooms[0].hear(Letter(n=99, node=OTHER, room="hash", prev=10, seq=11, drop=[key for _, key in seen.facts]))
    rooms[0].hear(letter(11, 12, "there is place again"))
    assert shards(seen) == {"there is place again"}
    for room in rooms:
        room.leave()
    assert not said_bytes.by_node


def test_an_answer_of_before_a_node_left_shows_nobody_and_is_asked_for_again() -> None:
    room, seen, _ = made()
    room.hear(letter(READ_ALL, 9))
    assert room.next_reads() == {OTHER: 0}
    room.hear(Letter(n=10, node=OTHER, room="hash", prev=9, seq=10, left=True))
    room.read(OTHER, 0, reply(9, "a"))
    assert shards(seen) == set()
    assert room.next_reads() == {OTHER: 0}
    room.read(OTHER, 0, [])
    assert shards(seen) == set()
    assert not room.next_reads()
    room.hear(letter(0, 11, "b"))
    assert shards(seen) == {"b"}


def test_an_answer_of_before_a_node_ended_shows_nobody() -> None:
    room, seen, _ = made()
    room.hear(letter(READ_ALL, 9))
    assert room.next_reads() == {OTHER: 0}
    room.ended(OTHER)
    room.read(OTHER, 0, reply(9, "a"))
    assert shards(seen) == set()
    assert room.next_reads() == {OTHER: 0}


def test_a_node_that_was_taken_for_gone_and_lives_is_read_at_once() -> None:
    room, seen, _ = made()
    room.hear(letter(0, 3, "a"))
    room.ended(OTHER)
    assert shards(seen) == set()
    room.came(OTHER)
    assert room.next_reads() == {OTHER: 0}
    room.read(OTHER, 0, reply(3, "a"))
    assert shards(seen) == {"a"}


def test_who_was_taken_for_gone_reads_all_and_not_only_what_is_marked() -> None:
    room, seen, port = made()
    room.hear(letter(0, 3, "a"))
    room.read_anew()
    assert room.next_reads() == {OTHER: 0}
    room.read(OTHER, 0, reply(3, "b"))
    assert shards(seen) == {"b"}
    room.read_anew()
    assert room.next_reads() == {OTHER: 0}
    port.has_grace = True
    room.read(OTHER, 0, [])
    assert room.next_reads() == {OTHER: 3}
    room.read(OTHER, 3, [])
    assert shards(seen) == {"b"}, "what Redis has lost is not gone yet"


def test_what_is_put_off_waits_for_its_time_and_holds_up_nobody() -> None:
    room, seen, _ = made()
    room.hear(letter(READ_ALL, 9))
    assert room.next_reads() == {OTHER: 0}
    assert room.put_off(OTHER, 0)
    room.hear(letter(9, 10))
    room.all_read()
    assert not room.has_work
    room.try_put_off()
    assert room.next_reads() == {OTHER: 0}
    assert not room.put_off(OTHER, 0)
    room.try_put_off()
    assert room.next_reads() == {OTHER: 0}
    room.read(OTHER, 0, reply(10, "a"))
    assert shards(seen) == {"a"}
    room.try_put_off()
    assert not room.next_reads()
    room.hear(letter(11, 12))
    assert room.next_reads() == {OTHER: 10}
    assert room.put_off(OTHER, 10)


def test_marks_of_nodes_that_are_gone_go_with_the_next_write() -> None:
    room, _, _ = made()
    written(room, of_own(OTHER, "x"), of_own(THIRD, "x"))
    room.check()
    look = room.next_write()
    assert look is not None
    room.written(look, {THIRD})  # and the other one lives: it may only be late
    room.drop(of_own(THIRD, "x").key)
    write = room.next_write()
    assert write is not None
    assert (list(write.marks), write.unmarks) == ([FOR_ONE + THIRD], [])
    room.written(write, {THIRD})
    room.check()
    look = room.next_write()
    assert look is not None
    room.written(look, set())
    room.check()
    look = room.next_write()
    assert look is not None
    assert (look.unmarks, look.prevs, look.is_look, look.is_told) == ([FOR_ONE + THIRD], {OTHER: 2}, True, False)


def test_a_mark_that_is_set_again_does_not_go() -> None:
    room, _, _ = made()
    room.written(written(room, of_own(THIRD, "x")), set())
    room.check()
    look = room.next_write()
    assert look is not None
    room.written(look, set())
    assert written(room, of_own(THIRD, "y")).unmarks == []


def test_leaving_is_not_tried_again_when_the_room_was_entered_anew() -> None:
    room, _, port = made()
    room.leave()
    write = room.next_write()
    assert write is not None
    assert write.mode == "leave"
    port.has_other = True
    assert room.next_write() is None
