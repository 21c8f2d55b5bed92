"""What arrives at one shard is there in another one that wants it, with all that belongs to it."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from miso.cluster.errors import SourceGoneError
from miso.cluster.facts import ShardFact
from miso.cluster.shard.shard import Shard
from miso.controller import InvalidStateError, Producer
from tests.cluster.shard.rig import World, ends_of, until
from tests.patience import PATIENCE_S


@pytest.mark.parametrize("hosts", [("one", "one"), ("one", "two")], ids=["one host", "two hosts"])
async def test_a_camera_is_seen_in_another_shard(world: World, hosts: tuple[str, str]) -> None:
    here, there, _, producer, copy, _ = await world.shows(hosts)
    assert (copy.id, copy.kind, copy.app_data) == (producer.id, "video", {"of": "p"})
    encrypted = hosts[0] != hosts[1]
    for shard in (here, there):
        [end] = ends_of(world, shard.id)
        assert (end.srtp is not None) == encrypted
        [state] = shard.pipes
        assert (state.connected, state.encrypted, state.data) == (True, encrypted, False)
    assert [(state.sent, state.copies) for shard in (here, there) for state in shard.pipes] == [(1, 0), (0, 1)]


async def test_what_arrives_here_needs_no_pipe(world: World) -> None:
    here, _ = await world.shard("s"), await world.shard("t")
    _, producer = await world.films(here)
    lease = await here.fetch(producer.id)
    assert lease.producer is producer
    assert here.pipes == []


async def test_one_pipe_serves_both_directions_and_all_who_fetch(world: World) -> None:
    here, there = await world.shard("s"), await world.shard("t")
    (_, one), (_, two), (_, other) = [
        await world.films(shard, name) for shard, name in ((here, "a"), (here, "b"), (there, "c"))
    ]
    leases = await asyncio.gather(there.fetch(one.id), there.fetch(two.id), there.fetch(one.id), here.fetch(other.id))
    assert leases[0].producer is leases[2].producer
    assert [len(ends_of(world, shard)) for shard in ("s", "t")] == [1, 1]
    for shard, lease in zip((there, there, there, here), leases, strict=True):
        await (await world.watches(shard, lease.producer)).sees()


async def test_pause_and_resume_cross(world: World) -> None:
    _, _, _, producer, copy, screen = await world.shows(("one", "two"))
    told: list[str] = []
    for event in ("producerpause", "producerresume"):
        screen.consumer.on(event, lambda event=event: told.append(event))
    await producer.pause()
    await until(lambda: copy.paused and told == ["producerpause"])
    await producer.resume()
    await until(lambda: not copy.paused and told == ["producerpause", "producerresume"])
    await screen.sees()


async def test_a_source_that_is_paused_is_paused_when_it_comes(world: World) -> None:
    here, there = await world.shard("s"), await world.shard("t")
    _, producer = await world.films(here)
    await producer.pause()
    assert (await there.fetch(producer.id)).producer.paused


async def test_key_frame_requests_cross(world: World) -> None:
    _, _, camera, _, _, screen = await world.shows()
    before = camera.peer.key_frame_requests
    screen.ask_for_key_frame()
    await until(lambda: camera.peer.key_frame_requests > before)


async def test_layers_are_chosen_at_the_far_side(world: World) -> None:
    here, there = await world.shard("s"), await world.shard("t")
    _, producer = await world.films(here, layers=3)
    copy = (await there.fetch(producer.id)).producer
    assert copy.type == "simulcast"
    screen, other = await world.watches(there, copy), await world.watches(there, copy)
    async with asyncio.timeout(PATIENCE_S):
        while await screen.last_layer() != 2 or await other.last_layer() != 2:
            pass
        await screen.consumer.set_preferred_layers(0)
        while await screen.last_layer() != 0:
            pass
    assert await other.last_layer() == 2


async def test_a_source_is_sent_until_a_moment_after_the_last_lease(world: World) -> None:
    here, there = await world.shard("s"), await world.shard("t", linger_s=0.3)
    _, producer = await world.films(here)
    first, second = await there.fetch(producer.id), await there.fetch(producer.id)
    first.release()
    first.release()
    await asyncio.sleep(0.5)
    assert not second.producer.closed
    second.release()
    third = await there.fetch(producer.id)
    await asyncio.sleep(0.5)
    assert third.producer is second.producer
    assert not third.producer.closed, "somebody came back before the moment was over"
    third.release()
    await until(lambda: third.producer.closed)
    await until(lambda: here.pipes == there.pipes == [])
    assert ends_of(world, "s") == ends_of(world, "t") == []
    again = await there.fetch(producer.id)
    await (await world.watches(there, again.producer)).sees()


def test_a_moment_is_five_seconds() -> None:
    from miso.cluster.shard.settings import DEFAULT_SHARD

    assert DEFAULT_SHARD.linger_s == 5


async def test_what_is_not_in_the_room_cannot_be_fetched(world: World) -> None:
    here, there = await world.shard("s"), await world.shard("t")
    _, producer = await world.films(here)
    with pytest.raises(SourceGoneError, match="nobody in the room sends x"):
        await there.fetch("x")
    with pytest.raises(SourceGoneError, match="is no DataProducer"):
        await there.fetch_data(producer.id)
    lease = await there.fetch(producer.id)
    producer.close()
    await until(lambda: lease.producer.closed)
    with pytest.raises(SourceGoneError):
        await there.fetch(producer.id)


def says_that_it_is_where_nothing_is_done(world: World, shard: Shard, producer: Producer) -> None:
    """Says of a source that it is at a part of the room that never sends it."""
    host = world.host_of(shard)
    fact = host.facts.source(producer.id)
    assert fact is not None
    idle = f"{host.directory.node}:idle"
    host.entry.put(ShardFact(shard=idle))
    host.entry.put(msgspec.structs.replace(fact.fact, shard=idle))


async def test_fetching_ends_when_the_source_does(world: World) -> None:
    here, there = await world.shard("s"), await world.shard("t")
    _, producer = await world.films(here)
    says_that_it_is_where_nothing_is_done(world, here, producer)
    fetching = asyncio.create_task(there.fetch(producer.id))
    await until(lambda: ends_of(world, "t"))
    world.host_of(here).entry.drop(f"producer/{producer.id}")
    with pytest.raises(SourceGoneError, match="has ended"):
        await fetching


async def test_fetching_ends_after_a_while(world: World) -> None:
    here, there = await world.shard("s"), await world.shard("t", fetch_timeout_s=0.3)
    _, producer = await world.films(here)
    says_that_it_is_where_nothing_is_done(world, here, producer)
    with pytest.raises(SourceGoneError, match=r"has not come from its part of the room within 0\.3 s"):
        await there.fetch(producer.id)


async def test_fetching_ends_with_the_shard(world: World) -> None:
    here, there = await world.shard("s"), await world.shard("t")
    _, producer = await world.films(here)
    says_that_it_is_where_nothing_is_done(world, here, producer)
    fetching = asyncio.create_task(there.fetch(producer.id))
    await until(lambda: ends_of(world, "t"))
    there.close()
    with pytest.raises(InvalidStateError):
        await fetching
    with pytest.raises(InvalidStateError):
        await there.fetch(producer.id)
    assert ends_of(world, "t") == []
