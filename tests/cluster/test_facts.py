"""What nodes say of themselves, as JSON."""

from __future__ import annotations

import msgspec
import pytest

from miso.cluster.errors import ParseError, UnknownKindError
from miso.cluster.facts import (
    MAX_BYTES,
    BotWords,
    DataProducerFact,
    Dominant,
    Message,
    NodeFact,
    ParticipantFact,
    PipedFact,
    PipeEndFact,
    ProducerFact,
    RoomFact,
    ShardFact,
    Speakers,
    Volume,
    Volumes,
    WantFact,
    WorkerLoad,
    decode_fact,
    decode_message,
    decode_node,
    encode,
)
from miso.controller.types import SrtpParameters
from tests.cluster.said import RTP, SCTP

KEYS = SrtpParameters(crypto_suite="AEAD_AES_256_GCM", key_base64="a2V5")
NODE = NodeFact(
    node="a-1", name="a", ip="10.0.0.1", workers=[WorkerLoad(worker=0, cpu=0.5, packets_per_s=9.5, shards=2)]
)
FACTS: list[RoomFact] = [
    ShardFact(shard="s"),
    ParticipantFact(participant="p", shard="s", stamp=2**53, info={"displayName": "ü\n"}, flag="guest"),
    ProducerFact(producer="x", participant="p", shard="s", kind="audio", type="simple", rtp=RTP, score=[10]),
    DataProducerFact(data_producer="d", participant="p", shard="s", label="chat", sctp=SCTP),
    WantFact(shard="s", other="t", source="x"),
    PipeEndFact(shard="s", other="t", data=True, token="1", remote="2", ip="10.0.0.1", port=65_535, srtp=KEYS),
    PipedFact(shard="s", other="t", source="x", token="1", rtp=RTP, paused=True),
]
MESSAGES: list[Message] = [
    Volumes(shard="s", loud=[Volume("p", -127)]),
    Dominant(shard="s", participant="p"),
    Speakers(loud=[], leader="p"),
    BotWords(text="hello"),
]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.key)
def test_a_fact_is_read_as_it_was_written(fact: RoomFact) -> None:
    assert decode_fact(encode(fact)) == fact


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_is_read_as_it_was_written(message: Message) -> None:
    assert decode_message(encode(message)) == message


def test_a_node_is_read_as_it_was_written() -> None:
    assert decode_node(encode(NODE)) == NODE


def test_each_kind_of_fact_is_tested() -> None:
    assert {type(fact) for fact in FACTS} == set(RoomFact.__args__)
    assert {type(message) for message in MESSAGES} == set(Message.__args__)


def test_no_two_facts_of_a_node_have_the_same_key() -> None:
    assert len({fact.key for fact in FACTS}) == len(FACTS)


def test_fields_of_a_newer_version_are_passed_over() -> None:
    newer = b'{"v":1,"k":"want","mood":{"is":["new"]},"shard":"s","other":"t","source":"x"}'
    assert decode_fact(newer) == WantFact(shard="s", other="t", source="x")


@pytest.mark.parametrize(
    "data", [b'{"v":2,"k":"want","shard":"s","other":"t","source":"x"}', b'{"v":1,"k":"wish"}', encode(NODE)]
)
def test_what_a_newer_version_means_is_not_guessed(data: bytes) -> None:
    with pytest.raises(UnknownKindError):
        decode_fact(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b"{}",
        b'{"v":1,"k":"want"}',
        b'{"v":1,"k":"want","shard":"s","source":"x"}',
        b'{"v":1,"k":"want","shard":"s/t","other":"t","source":"x"}',
        b'{"v":"1","k":"want","shard":"s","other":"t","source":"x"}',
        b'{"v":1,"k":"want","shard":"","other":"t","source":"x"}',
        b'{"v":1,"k":"want","shard":"s","other":"t","source":7}',
        b'{"v":1,"k":"participant","participant":"p","shard":"s","stamp":-1,"info":{}}',
        b'{"v":1,"k":"participant","participant":"p","shard":"s","stamp":99999999999999999999,"info":{}}',
        b'{"v":1,"k":"pipe","shard":"s","other":"t","data":false,"token":"1","ip":"::1","port":0}',
        b'{"v":1,"k":"participant","participant":"p","shard":"s","stamp":1,"info":{"a":[18446744073709551616]}}',
        b'{"v":1,"k":"participant","participant":"p","shard":"s","stamp":1,"info":{"a":{"b":-9223372036854775809}}}',
        b"[" * 100_000,
        b'{"v":1,"k":"shard","shard":"s","x":' + b"[" * 100_000,
        b'{"v":1,"k":"shard","shard":"s"}' + b" " * MAX_BYTES,
    ],
)
def test_what_is_no_fact_is_refused(data: bytes) -> None:
    with pytest.raises(ParseError):
        decode_fact(data)


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63), "99999999999999999999"])
def test_numbers_that_browsers_can_be_told_are_no_fault(value: object) -> None:
    fact = ParticipantFact(participant="p", shard="s", stamp=1, info={"a": [value]})
    assert decode_fact(encode(fact)) == fact


def deep(levels: int) -> dict[str, object]:
    return {"a": deep(levels - 1)} if levels else {}


@pytest.mark.parametrize("info", [{"displayName": "\ud83d"}, {"\udc00": 1}, {"a": [deep(400)] * 3, "b": "\ud800"}])
def test_what_no_json_can_say_is_not_written(info: dict[str, object]) -> None:
    with pytest.raises(ParseError, match="cannot be said"):
        encode(ParticipantFact(participant="p", shard="s", stamp=1, info=info))


def test_what_has_too_many_brackets_is_not_written() -> None:
    info: dict[str, object] = {}
    for _ in range(100_000):
        info = {"a": info}
    with pytest.raises(ParseError, match="cannot be said"):
        encode(ParticipantFact(participant="p", shard="s", stamp=1, info=info))
    while info:  # taken apart by hand: else its end is as deep a recursion
        info = info.pop("a")  # type: ignore[assignment]


def test_what_would_be_too_long_is_not_written() -> None:
    fact = msgspec.structs.replace(FACTS[1], info={"displayName": "x" * MAX_BYTES})
    with pytest.raises(ParseError, match="at most"):
        encode(fact)
