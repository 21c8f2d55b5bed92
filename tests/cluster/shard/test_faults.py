"""Pipes, workers, networks and hosts that fail: what is lost is made again, and what lives goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from miso.cluster.errors import SourceGoneError
from miso.cluster.facts import PipedFact, PipeEndFact, RoomFact
from miso.cluster.shard.shard import Shard
from miso.cluster.shard.wants import Lease
from miso.controller import Producer
from tests.cluster.shard.rig import World, ends_of, until
from tests.cluster.shard.wire import Wire
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
async def wired() -> AsyncIterator[World]:
    """A world whose pipes go through a wire."""
    world = World(Wire())
    yield world
    await world.close()


def wire_of(world: World) -> Wire:
    assert world.wire is not None
    return world.wire


@pytest.mark.parametrize("hosts", [("one", "one"), ("one", "two")], ids=["one host", "two hosts"])
async def test_what_is_lost_or_overtaken_between_shards_is_repaired(wired: World, hosts: tuple[str, str]) -> None:
    screen = (await wired.shows(hosts)).screen
    wire = wire_of(wired)
    wire.loss = wire.late = 0.1
    before = len(screen.packets)
    await screen.sees(200)
    wire.loss = wire.late = 0.0
    last = max(packet.sequence_number for packet in screen.packets)
    assert wire.lost > 5
    await until(lambda: all(number > last for number in screen.misses(before)))
    await screen.sees(10)


async def test_consumers_go_on_when_the_sending_end_is_lost(world: World) -> None:
    _, _, _, _, copy, screen = await world.shows(("one", "two"), layers=3)
    ends = world.ends["s"]
    for made in (2, 3, 4):
        await screen.sees()
        ends[-1].close()
        await until(partial(lambda made: len(ends) == made, made))
    await screen.sees(20)
    assert not copy.closed
    assert not screen.consumer.closed
    assert len(world.ends["t"]) == 1


async def test_a_source_is_fetched_again_when_the_receiving_end_is_lost(world: World) -> None:
    here, there = await world.shard("s"), await world.shard("t")
    _, producer = await world.films(here)
    lease = await there.fetch(producer.id)
    world.ends["t"][0].close()
    assert lease.producer.closed
    lease.release()
    again = await there.fetch(producer.id)
    await (await world.watches(there, again.producer)).sees()
    assert len(world.ends["s"]) == 1, "what sends it has not lost anything"


async def test_a_dead_worker_takes_its_shard_only(world: World) -> None:
    one, two, three = [await world.shard(*names) for names in (("s", "a"), ("t", "a"), ("u", "b"))]
    (_, first), (_, second) = await world.films(one, "p"), await world.films(two, "q")
    await until(lambda: world.host_of(three).facts.source(second.id))
    leases = [await three.fetch(producer.id) for producer in (first, second)]
    screens = [await world.watches(three, lease.producer) for lease in leases]
    for screen in screens:
        await screen.sees()
    since = len(screens[1].packets)
    os.kill(world.workers["s"].pid, signal.SIGKILL)
    await until(lambda: leases[0].producer.closed)
    assert (one.closed, world.died) == (True, ["s"])
    await until(lambda: [pipe.other for pipe in three.pipes] == [two.id])
    assert ends_of(world, "t") != []
    await screens[1].sees(20)
    assert screens[1].misses(since) == []
    assert not screens[1].consumer.closed

    back = await world.shard("s again", "a")
    _, again = await world.films(back, "p")
    await (await world.watches(three, await world.fetches(three, again))).sees()


async def test_consumers_go_on_when_a_host_was_thought_dead(world: World) -> None:
    """The one was cut off from the directory, and has seen the other all the time."""
    here, there, _, _, copy, screen = await world.shows(("one", "two"))
    node = world.host_of(there).directory.node
    world.store.cut(node)
    world.store.end_lease(node)
    await until(lambda: here.pipes == [])
    assert not copy.closed
    world.store.heal(node)
    await screen.sees(20)
    assert not copy.closed
    assert not screen.consumer.closed


async def test_packets_with_another_key_are_refused_and_counted_until_there_is_a_right_one(world: World) -> None:
    wrong = True

    def lie(fact: RoomFact) -> RoomFact:
        if wrong and isinstance(fact, PipeEndFact) and fact.srtp is not None:
            key = fact.srtp.key_base64
            return replace(fact, srtp=replace(fact.srtp, key_base64="AAAAAAAA" + key[8:]))
        return fact

    here, there = await world.shard("s", lie=lie), await world.shard("t", "two")
    _, producer = await world.films(here)
    copy = await world.fetches(there, producer)
    screen = await world.watches(there, copy)
    await until(lambda: there.pipes[0].refused > 0)
    key = world.ends["t"][0].srtp_parameters
    await until(lambda: world.ends["t"][0].srtp_parameters != key)
    assert screen.packets == []
    wrong = False
    await screen.sees()
    assert not copy.closed


async def test_encrypted_pipes_outlive_a_long_silence_of_the_network(wired: World) -> None:
    """More packets are lost in a row than the receiver's count of them can bear (RFC 3711 section 3.3.1)."""
    _, _, camera, producer, copy, screen = await wired.shows(("one", "two"))
    wire_of(wired).is_cut = True
    async with asyncio.timeout(60):
        while wire_of(wired).lost < 70_000:  # numbers have 16 bits
            for _ in range(200):
                camera.frame()
            await producer.get_stats()  # the worker has read them
    camera.halt()
    lost = -1
    while lost != wire_of(wired).lost:  # what is on its way is lost, too
        lost = wire_of(wired).lost
        await asyncio.sleep(0.3)
    wire_of(wired).is_cut = False
    camera.go_on()
    await screen.sees(20)
    assert not copy.closed
    assert not screen.consumer.closed


async def comes(shard: Shard, source: str) -> Lease[Producer]:
    """Fetches until it is there: a busy machine may take longer than one fetch waits."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(SourceGoneError):
                return await shard.fetch(source)


async def test_what_another_host_says_wrongly_costs_the_source_alone(world: World) -> None:
    bad = ""

    def lie(fact: RoomFact) -> RoomFact:
        if isinstance(fact, PipedFact) and fact.source == bad and fact.rtp is not None:
            return replace(fact, rtp=replace(fact.rtp, encodings=[]))
        return fact

    here, there = await world.shard("s", lie=lie), await world.shard("t", fetch_timeout_s=1.0)
    (_, one), (_, two) = await world.films(here, "a"), await world.films(here, "b")
    bad = one.id
    began_s = time.monotonic()
    results = await asyncio.gather(there.fetch(one.id), comes(there, two.id), return_exceptions=True)
    assert isinstance(results[0], Exception)
    assert not isinstance(results[1], BaseException)
    await (await world.watches(there, results[1].producer)).sees()
    assert 0 < there.faults < 30 * max(1.0, time.monotonic() - began_s), "it is tried again later each time"


async def test_a_worker_that_cannot_disconnect_gets_new_ends(world: World, tmp_path: Path) -> None:
    """As mediasoup's: consumers of copies are made anew then."""
    old = tmp_path / "old-worker"
    source = "from tests.cluster.shard import old_worker; old_worker.main()"
    old.write_text(f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -c "{source}" "$@"\n')
    old.chmod(0o755)
    here, there = await world.shard("s"), await world.shard("t", worker_bin=old)
    _, producer = await world.films(here)
    lease = await there.fetch(producer.id)
    world.ends["s"][0].close()
    await until(lambda: lease.producer.closed)
    lease.release()
    again = await there.fetch(producer.id)
    await (await world.watches(there, again.producer)).sees()
    assert len(world.ends["t"]) == 2
