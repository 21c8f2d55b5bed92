"""What is read from Redis: letters of the inbox, what a node says in a room, and who lives.

The first byte says which of them the rest is. Whatever it is, a room afterwards still shows what a good node says.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from miso.cluster.directory.redis.inbox import Letter, decode_letter, encode_letter
from miso.cluster.directory.redis.live_nodes import Listed, LiveNodes
from miso.cluster.directory.redis.room import Room
from miso.cluster.errors import ParseError, UnknownKindError
from miso.cluster.facts import ShardFact, encode
from tests.cluster.directory.recorder import Recorder
from tests.cluster.test_facts import FACTS, MESSAGES, NODE

DOCUMENTED = (ParseError, UnknownKindError)
GOOD = "good-00000001"
OTHER = "other-00000002"
LETTER = Letter(
    n=1,
    node=OTHER,
    room="r",
    prev=0,
    seq=4,
    put=[msgspec.Raw(encode(fact)) for fact in FACTS],
    drop=["shard/s"],
    say=[msgspec.Raw(encode(message)) for message in MESSAGES],
)
SEPARATOR = b"\0"
SEEDS = [
    b"L" + encode_letter(LETTER),
    b"L" + encode_letter(Letter(n=2, node=OTHER, room="r", prev=-1, seq=7)),
    b"L" + encode_letter(Letter(n=3, node=OTHER, room="r", prev=4, seq=4, left=True)),
    b"R" + SEPARATOR.join((b"4", b"0", f"shard/{OTHER}:s".encode(), encode(ShardFact(shard=f"{OTHER}:s")))),
    b"R" + SEPARATOR.join((b"5", b"3", *(part for fact in FACTS for part in (fact.key.encode(), encode(fact))))),
    b"R",
    b"N"
    + SEPARATOR.join(
        (OTHER.encode(), encode(NODE), f"{OTHER}/3".encode(), b'{"v":1,"uses":[{"address":"0123456789abcdef"}]}')
    ),
    b"N" + SEPARATOR.join((OTHER.encode(), encode(NODE), b"a-00000003", b"")),
]


class _Port:
    """A directory of a room in which two others are live."""

    has_grace = False

    def wake(self, room: Room) -> None: ...

    def left(self, room: Room) -> None: ...

    def gone(self, room: Room) -> None: ...

    def next_number(self) -> int:
        return 1

    def is_live(self, node: str) -> bool:
        return node in (GOOD, OTHER)

    def is_entered_again(self, room: Room) -> bool:
        return False

    def not_kept(self, room: Room, key: str, reason: str) -> None: ...


def run(data: bytes) -> None:
    kind, rest = data[:1], data[1:]
    if kind == b"N":
        parts = rest.split(SEPARATOR)
        live = LiveNodes(GOOD, Counter())
        live.listed(
            0.0, {node: Listed(fact, 0.0) for node, fact in zip(parts[::2], parts[1::2], strict=False)}, uses=parts
        )
        assert GOOD in live.ids
        assert set(live.facts) <= live.ids
        return
    recorder = Recorder()
    room = Room(_Port(), "me-00000000", "room", "r", recorder, Counter(), 1.0)
    room.hear(
        Letter(n=1, node=GOOD, room="r", prev=0, seq=1, put=[msgspec.Raw(encode(ShardFact(shard=f"{GOOD}:good")))])
    )
    if kind == b"L":
        letter = decode_letter(rest)
        if letter.node == GOOD:
            return
        room.hear(letter)
    else:
        parts = rest.split(SEPARATOR)
        passed = int(parts[1]) if len(parts) > 1 and parts[1].isdigit() and len(parts[1]) < 10 else 0
        reply: list[bytes | int] = [*parts[:1], passed, 0, len(parts) // 2, *parts[2:]] if rest else []
        room.read(OTHER, 0, reply)
    room.all_read()
    assert (GOOD, "good") in recorder.shards()
    assert {node for node, _ in recorder.facts} <= {GOOD, OTHER}
