"""Facts on their way through JSON, as another version of Miso writes them, too."""

from __future__ import annotations

import msgspec

from miso.cluster.facts import RoomFact, decode_fact, encode


def through_json(fact: RoomFact) -> RoomFact:
    """The fact as another node reads it."""
    return decode_fact(encode(fact))


def from_newer(fact: RoomFact) -> RoomFact:
    """The fact as a node reads it that a newer version has said: with fields that nobody knows yet."""
    content = msgspec.json.decode(encode(fact))
    return decode_fact(msgspec.json.encode({**content, "feeling": {"deep": [1, 2, 3]}, "since": 2**53}))
