"""A shard that names an address where nobody answers, or none at all: what that costs the others."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress

from msgspec.structs import replace

from miso.cluster.facts import PipeEndFact, RoomFact
from tests.cluster.shard.rig import SETTINGS, World, until


def port_of_nobody() -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as closing:
        closing.bind(("127.0.0.1", 0))
        port: int = closing.getsockname()[1]
        return port


async def test_a_pipe_to_where_nobody_answers_costs_no_retries(world: World) -> None:
    port = port_of_nobody()

    def lie(fact: RoomFact) -> RoomFact:
        return replace(fact, ip="127.0.0.1", port=port) if isinstance(fact, PipeEndFact) else fact

    here, there = await world.shard("s"), await world.shard("t", "two", lie=lie)
    third = await world.shard("u", "three")
    _, producer = await world.films(here)
    screen = await world.watches(there, await world.fetches(there, producer))
    other = await world.watches(third, await world.fetches(third, producer))
    await other.sees(50)
    assert screen.packets == []
    assert {name: len(ends) for name, ends in world.ends.items()} == {"s": 2, "t": 1, "u": 1}
    assert (here.faults, there.faults) == (0, 0)


async def test_an_address_that_is_none_is_tried_ever_later_and_holds_up_no_other(world: World) -> None:
    def lie(fact: RoomFact) -> RoomFact:
        return replace(fact, ip="a.example") if isinstance(fact, PipeEndFact) else fact

    here, there = await world.shard("s"), await world.shard("t", "two", lie=lie)
    third = await world.shard("u", "three")
    _, producer = await world.films(here)
    began_s = time.monotonic()
    await until(lambda: world.host_of(there).facts.source(producer.id))
    fetching = asyncio.create_task(there.fetch(producer.id))
    other = await world.watches(third, await world.fetches(third, producer))
    await until(lambda: here.faults > 2)
    await other.sees(50)
    most = 5 + (time.monotonic() - began_s) / SETTINGS.longest_retry_s
    assert here.faults <= most, "each time it waits longer"
    assert len(world.ends["s"]) == 2
    fetching.cancel()
    with suppress(asyncio.CancelledError):
        await fetching
