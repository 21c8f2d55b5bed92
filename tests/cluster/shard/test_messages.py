"""What data channels say is heard in other shards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from miso.cluster.shard.shard import Shard
from miso.controller import DataConsumer, DataProducer
from tests.cluster.shard.rig import World, until
from tests.patience import PATIENCE_S

Says = Callable[[str], None]


async def talks(world: World, shard: Shard, participant: str = "p") -> DataProducer:
    """Somebody who says something on a data channel."""
    world.enters(shard, participant)
    transport = await shard.router.create_direct_transport()
    producer = await transport.produce_data(label="chat", protocol="chat", app_data={"of": participant})
    world.says_data(shard, producer, participant)
    return producer


async def listens(shard: Shard, producer: DataProducer) -> tuple[DataConsumer, list[bytes]]:
    """Somebody who hears it."""
    transport = await shard.router.create_direct_transport()
    consumer = await transport.consume_data(data_producer_id=producer.id)
    heard: list[bytes] = []
    consumer.on("message", lambda message, ppid: heard.append(message))
    return consumer, heard


async def test_what_is_said_is_heard_in_another_shard(world: World) -> None:
    here, there = await world.shard("s"), await world.shard("t", "two")
    producer = await talks(world, here)
    await until(lambda: world.host_of(there).facts.source(producer.id))
    lease = await there.fetch_data(producer.id)
    copy = lease.producer
    assert (copy.id, copy.label, copy.protocol, copy.app_data) == (producer.id, "chat", "chat", {"of": "p"})
    _, heard = await listens(there, copy)
    producer.send("hello")  # at once: it was fetched, so it is there
    for number in range(100):
        producer.send(str(number))
    await until(lambda: len(heard) == 101)
    assert heard == [b"hello", *(str(number).encode() for number in range(100))]
    producer.close()
    await until(lambda: copy.closed)


async def test_many_channels_share_one_pipe_in_both_directions(world: World) -> None:
    here, there = await world.shard("s"), await world.shard("t")
    shards = [(here, there), (there, here)] * 20
    speakers = [await talks(world, shard, f"p{number}") for number, (shard, _) in enumerate(shards)]
    leases = await asyncio.gather(
        *(other.fetch_data(speaker.id) for (_, other), speaker in zip(shards, speakers, strict=True))
    )
    heard = [(await listens(other, lease.producer))[1] for (_, other), lease in zip(shards, leases, strict=True)]
    for number, speaker in enumerate(speakers):
        speaker.send(f"this is {number}")
    await until(lambda: all(heard))
    assert heard == [[f"this is {number}".encode()] for number in range(len(speakers))]
    assert [(pipe.data, pipe.sent, pipe.copies) for pipe in here.pipes] == [(True, 20, 20)]
    for lease in leases:
        lease.release()
    await until(lambda: here.pipes == there.pipes == [])


async def test_a_channel_whose_pipe_is_lost_is_heard_again_by_the_same_consumer(world: World) -> None:
    here, there = await world.shard("s"), await world.shard("t")
    first, second = await talks(world, here, "a"), await talks(world, here, "b")
    copies = [(await there.fetch_data(speaker.id)).producer for speaker in (first, second)]
    (consumer, heard), (_, also_heard) = [await listens(there, copy) for copy in copies]
    first.send("before")
    await until(lambda: heard == [b"before"])
    world.ends["s"][0].close()
    async with asyncio.timeout(PATIENCE_S):
        while b"after" not in heard:
            first.send("after")
            await asyncio.sleep(0.02)
        second.send("too")
        await until(lambda: also_heard == [b"too"])
    assert not consumer.closed
    assert len(world.ends["t"]) == 1
    assert len(world.ends["s"]) == 2


async def test_a_pipe_that_nobody_needs_any_more_ends_without_a_fault_when_the_other_end_is_gone_first(
    world: World,
) -> None:
    here, there = await world.shard("s"), await world.shard("t", "two")
    producer = await talks(world, here)
    await until(lambda: world.host_of(there).facts.source(producer.id))
    lease = await there.fetch_data(producer.id)
    host = world.host_of(here)
    host.shards.pop(here.id)  # its worker tells it that the other end is gone, before anybody tells it of news
    lease.release()
    await until(lambda: here.pipes == [])
    host.shards[here.id] = here
    await until(lambda: there.pipes == [])
    assert (here.faults, there.faults) == (0, 0)
