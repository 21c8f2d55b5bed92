"""What others write under our keys, or answer instead of Redis: refused, counted, and nobody else's trouble."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest

from miso.cluster.directory.redis.inbox import FIELD, Letter, encode_letter
from miso.cluster.directory.redis.keys import room_hash
from miso.cluster.directory.redis.redis_directory import RedisDirectory
from miso.cluster.directory.redis.url import parse_url
from miso.cluster.errors import StoreRefusedError
from miso.cluster.facts import ProducerFact, ShardFact, encode
from tests.cluster.directory.recorder import Recorder, participant, shard, until
from tests.cluster.directory.redis.pair import ROOM, Pair, member_of, node_fact, pair_in
from tests.cluster.directory.redis.world import QUICK, RedisWorld
from tests.cluster.test_facts import FACTS
from tests.patience import PATIENCE_S

STRANGER = "stranger-0000000f"
HASH = room_hash(ROOM)
MEMBERS = f"miso:1:room:{{{HASH}}}:members"
HUGE = b"x" * 50_000_000


def facts_of(node: str) -> str:
    return f"miso:1:room:{{{HASH}}}:facts:{node}"


def inbox_of(node: str) -> str:
    return f"miso:1:inbox:{{{node}}}"


async def all_goes_on(world: RedisWorld, pair: Pair) -> None:
    """Changes are seen, and who comes late sees what is true."""
    pair.one.entry.put(shard(pair.one, "on"))
    pair.other.entry.put(shard(pair.other, "and on"))
    await pair.see_the_same()
    late = await member_of(await world.node("late"))
    await late.seen.until(lambda it: it.facts == pair.union)
    await late.directory.close()


async def test_keys_of_another_kind_under_our_names(world: RedisWorld) -> None:
    pair = await pair_in(world)
    for key in await world.server.keys():
        replace = "redis.call('DEL', KEYS[1]) redis.call('RPUSH', KEYS[1], 'not', 'ours')"
        await world.server.run("EVAL", replace, 1, key)
    await all_goes_on(world, pair)


async def test_keys_of_other_programs_stay_as_they_are(world: RedisWorld) -> None:
    await world.server.run("SET", "miso:2:future", "x")
    await world.server.run("RPUSH", "bull:1", "job")
    await world.server.run("SET", "miso:1:room:{x}:members", "x")
    pair = await pair_in(world)
    await all_goes_on(world, pair)
    assert await world.server.run("GET", "miso:2:future") == b"x"
    assert await world.server.run("LRANGE", "bull:1", 0, -1) == [b"job"]
    assert await world.server.run("GET", "miso:1:room:{x}:members") == b"x"
    await world.server.run("DEL", "miso:2:future", "bull:1", "miso:1:room:{x}:members")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "no fact"),
        (b"\xff\x00", "no fact"),
        (b'{"v":1,"k":"shard"}', "no fact"),
        (b"[" * 100_000, "no fact"),
        (b'{"v":2,"k":"shard","shard":"z"}', "newer version"),
        (b'{"v":1,"k":"hologram","hologram":"z"}', "newer version"),
        (encode(ShardFact(shard="b-00000001:elsewhere")), "fact under another key"),
        (HUGE, "too long"),
    ],
    ids=["empty", "binary", "incomplete", "brackets", "newer version", "newer kind", "another key", "50 MB"],
)
async def test_a_fact_that_is_none_is_passed_over(world: RedisWorld, value: bytes, reason: str) -> None:
    pair = await pair_in(world)
    for key in ("shard/z", "\0", "k" * 2000):
        await world.server.run("HSET", facts_of(pair.one.directory.node), key, value)
    late = await member_of(await world.node("c"))
    await late.entry.synced()
    assert late.seen.facts == pair.union
    assert late.directory.refused[reason] >= 1
    await late.directory.close()  # the two are to see each other and nobody else
    await all_goes_on(world, pair)


async def test_facts_with_more_fields_than_we_know_are_believed(world: RedisWorld) -> None:
    pair = await pair_in(world)
    one = shard(pair.one, "z")
    fact = b'{"v":1,"k":"shard","shard":"%s","colour":"red"}' % one.shard.encode()
    await world.server.run("HSET", facts_of(pair.one.directory.node), one.key, fact)
    late = await member_of(await world.node("c"))
    await late.entry.synced()
    assert (pair.one.directory.node, "z") in late.seen.shards()


async def test_nodes_that_are_none_are_not_believed(world: RedisWorld) -> None:
    pair = await pair_in(world)
    for node, score in (("", 0), ("no id", 1e18), ("\xff", "inf"), ("x" * 100_000, "-inf")):
        await world.server.run("ZADD", "miso:1:{nodes}:seen", score, node)
        await world.server.run("HSET", "miso:1:{nodes}:facts", node, b"garbage")
    await until(lambda: pair.one.directory.refused["no node's id"] >= 3)
    async with asyncio.timeout(PATIENCE_S):
        while not pair.one.directory.refused["another node's fact"]:  # again and again: its lease is short
            await world.server.run("ZADD", "miso:1:{nodes}:seen", 2e12, STRANGER)
            await world.server.run("HSET", "miso:1:{nodes}:facts", STRANGER, encode(node_fact(pair.one.directory)))
            await asyncio.sleep(0.1)
    assert STRANGER not in pair.one.directory.nodes
    await all_goes_on(world, pair)
    await until(lambda: not pair.one.directory.is_live(STRANGER))


async def test_a_clock_that_is_no_number(world: RedisWorld) -> None:
    pair = await pair_in(world)
    await world.server.run("SET", "miso:1:{nodes}:clock", "half past ten")
    await world.server.run("SET", "miso:1:{nodes}:pause", "half past nine")
    await all_goes_on(world, pair)


def letter(**changes: object) -> bytes:
    fields = {"n": 1, "node": STRANGER, "room": HASH, "prev": 0, "seq": 1} | changes
    return encode_letter(msgspec.convert(fields, Letter))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no letter"),
        (b"{}", "no letter"),
        (b"\xff", "no letter"),
        (b'{"v":2}', "newer version"),
        (letter(node="nobody"), "no letter"),
        (letter(put=[msgspec.Raw(b'{"v":1}')]), "no fact"),
        (letter(say=[msgspec.Raw(b"7")]), "no fact"),
        (letter(put=[msgspec.Raw(b'{"v":9,"k":"shard","shard":"z"}')]), "newer version"),
        (HUGE, "no letter"),
    ],
    ids=["empty", "no fields", "binary", "newer", "no node", "no fact", "no message", "newer fact", "50 MB"],
)
async def test_a_letter_that_is_none_is_passed_over(world: RedisWorld, data: bytes, reason: str) -> None:
    pair = await pair_in(world)
    await world.server.run("XADD", inbox_of(pair.one.directory.node), "*", FIELD, data)
    await world.server.run("XADD", inbox_of(pair.one.directory.node), "*", "something", "else")
    await until(lambda: pair.one.directory.refused[reason] >= 1)
    await all_goes_on(world, pair)


async def test_a_stranger_that_does_not_live_is_not_shown(world: RedisWorld) -> None:
    pair = await pair_in(world)
    data = letter(put=[msgspec.Raw(encode(ShardFact(shard="stranger")))])
    await world.server.run("XADD", inbox_of(pair.one.directory.node), "*", FIELD, data)
    await world.server.run("ZADD", MEMBERS, 2e12, STRANGER)
    await world.server.run("HSET", facts_of(STRANGER), "#seq", 4, "shard/z", encode(ShardFact(shard="z")))
    await world.server.run("PEXPIRE", facts_of(STRANGER), 2000)
    await all_goes_on(world, pair)
    assert not [node for node, _, _ in pair.one.seen.told if node == STRANGER]
    assert not [node for node, _, _ in pair.other.seen.told if node == STRANGER]
    await world.server.run("ZREM", MEMBERS, STRANGER)
    await world.server.run("DEL", facts_of(STRANGER))


async def test_a_node_that_speaks_for_another_one_is_not_believed_about_us(world: RedisWorld) -> None:
    pair = await pair_in(world)
    own = pair.one.directory.node
    await world.server.run("XADD", inbox_of(own), "*", FIELD, letter(node=own, left=True))
    await until(lambda: pair.one.directory.refused["another node's letter"] == 1)
    await all_goes_on(world, pair)


async def test_own_facts_that_are_too_long_are_known_here_only(world: RedisWorld) -> None:
    pair = await pair_in(world)
    before = dict(pair.other.seen.facts)
    pair.one.entry.put(participant(pair.one, "long", text="x" * 300_000))
    pair.one.entry.put(participant(pair.one, "odd\udcff"))
    await until(lambda: pair.one.directory.refused["own, too long"] >= 2)
    pair.one.entry.put(shard(pair.one, "short"))
    await pair.other.seen.until(lambda it: (pair.one.directory.node, "short") in it.shards())
    assert {key for key in pair.other.seen.facts if key not in before} == {
        (pair.one.node, shard(pair.one, "short").key)
    }
    pair.one.entry.drop("participant/long")
    pair.one.entry.drop("participant/odd\udcff")
    await pair.see_the_same()


async def test_many_facts_at_once_that_no_letter_can_hold(world: RedisWorld) -> None:
    pair = await pair_in(world)
    for number in range(40):
        pair.one.entry.put(participant(pair.one, f"long{number}", text="x" * 50_000))
    await pair.see_the_same()


async def test_a_fact_that_only_a_newer_version_reads_does_not_hide_the_others(world: RedisWorld) -> None:
    pair = await pair_in(world)
    late = await member_of(await world.node("c"))
    data = letter(
        node=late.directory.node,
        n=10**9,
        prev=-1,
        seq=10**9,
        put=[msgspec.Raw(b'{"v":1,"k":"hologram"}')],
    )
    await world.server.run("XADD", inbox_of(pair.one.directory.node), "*", FIELD, data)
    await late.seen.until(lambda it: it.facts == pair.union)
    await late.directory.close()
    await all_goes_on(world, pair)


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def _noise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(65536):
        writer.write(bytes(range(256)) * 16)


async def _wrong_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(b":7\r\n" * data.count(b"*"))


async def _endless_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(65536):
        for _ in range(20):
            writer.write(b"$2000000000\r\n" + b"x" * 1_000_000)
            await writer.drain()


async def _ends_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


ANSWERS: list[Answer] = [_http, _noise, _wrong_answers, _endless_line, _ends_at_once]


@pytest.fixture(params=ANSWERS, ids=lambda answer: answer.__name__.strip("_"))
async def impostor(request: pytest.FixtureRequest) -> AsyncIterator[int]:
    answer: Answer = request.param

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except OSError:
            writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_what_answers_and_is_no_redis_keeps_nobody_from_starting_or_closing(impostor: int) -> None:
    directory = RedisDirectory("a-00000001", parse_url(f"redis://127.0.0.1:{impostor}"), QUICK)
    try:
        await directory.start()
    except StoreRefusedError as error:
        assert "what answers is no Redis" in str(error) or "does not do what is asked" in str(error)  # noqa: PT017
        return
    assert directory.is_away
    seen = Recorder()
    directory.enter("room", seen).put(shard(directory, "s"))
    assert len(seen.told) == 1
    await directory.close()


async def test_redis_that_is_replaced_by_an_impostor_and_comes_back(world: RedisWorld, impostor: int) -> None:
    pair = await pair_in(world)
    proxy = world.proxy(pair.one.directory)
    proxy.lead_to(impostor)
    await until(lambda: pair.one.directory.is_away)
    pair.one.entry.put(shard(pair.one, "new"))
    proxy.lead_to(world.server.port)
    await pair.see_the_same()


async def test_a_producer_is_shared_with_all_that_it_has(world: RedisWorld) -> None:
    pair = await pair_in(world)
    for fact in FACTS:
        other = {"other": f"{pair.other.node}:t"} if hasattr(fact, "other") else {}
        pair.one.entry.put(msgspec.structs.replace(fact, shard=f"{pair.one.node}:s", **other))
    await pair.see_the_same()
    assert any(isinstance(fact, ProducerFact) for fact in pair.other.seen.facts.values())
