"""Messages that are given up (RFC 3758), and what the receiver makes of it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from types import ModuleType

import pytest

from miso.worker.sctp.wire.constants import ChunkType
from tests.worker.sctp.world import World

DATA_TYPES = (ChunkType.DATA, ChunkType.I_DATA)

Load = Callable[[str], ModuleType]


@pytest.fixture
def module(load: Load) -> ModuleType:
    return load("miso.worker.sctp.association")


def numbers(world: World) -> list[int]:
    return [struct.unpack_from("!I", data)[0] for _, _, data in world.b.messages()]


@pytest.mark.parametrize("interleaving", [False, True], ids=["DATA", "I-DATA"])
@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "unordered"])
@pytest.mark.parametrize("size", [100, 4000])
def test_without_retransmissions_some_are_lost_and_none_is_broken(
    module: ModuleType, interleaving: bool, ordered: bool, size: int
) -> None:
    world = World(module=module, seed=11, a={"interleaving": interleaving})
    world.connect()
    world.link_from(world.a).loss = 0.2
    for number in range(300):
        data = struct.pack("!I", number) * (size // 4)
        world.send(data, stream_id=number % 2, ordered=ordered, max_retransmits=0)
        world.run(0.02)
    world.run(60, until=lambda: world.a.association.buffered_amount == 0)
    world.link_from(world.a).loss = 0.0
    world.send(struct.pack("!I", 999), stream_id=0, ordered=ordered)
    world.send(struct.pack("!I", 999), stream_id=1, ordered=ordered)
    world.run(60)
    got = numbers(world)
    assert got[-2:] == [999, 999]
    assert 30 < len(got) - 2 < 290
    assert len(set(got[:-2])) == len(got) - 2
    for stream_id, _, data in world.b.messages()[:-2]:
        number = struct.unpack_from("!I", data)[0]
        assert data == struct.pack("!I", number) * (size // 4)
        assert stream_id == number % 2
    if ordered:
        for parity in (0, 1):
            of_stream = [number for number in got[:-2] if number % 2 == parity]
            assert of_stream == sorted(of_stream)
    assert world.a.association.buffered_amount == 0


def test_a_limit_of_retransmissions_is_kept(module: ModuleType) -> None:
    world = World(module=module)
    world.connect()
    sent_before = world.link_from(world.a).packets
    world.link_from(world.a).drop = lambda packet: packet[12] in DATA_TYPES
    world.send(b"x" * 500, max_retransmits=2)
    world.run(20)
    data_packets = [packet for packet in world.a.sent[sent_before:] if packet[12] in DATA_TYPES]
    assert len(data_packets) == 3
    assert world.a.association.buffered_amount == 0
    world.link_from(world.a).drop = None
    world.send(b"next")
    world.run(5)
    assert [data for _, _, data in world.b.messages()] == [b"next"]


def test_a_message_that_expires_in_the_queue_never_leaves(module: ModuleType) -> None:
    world = World(module=module)
    world.connect()
    world.link_from(world.a).drop = lambda packet: True
    world.send(bytes(200_000))
    world.send(b"short-lived", stream_id=2, max_lifetime_ms=100)
    world.run(0.2)
    world.link_from(world.a).drop = None
    world.run(60)
    assert [len(data) for _, _, data in world.b.messages()] == [200_000]
    assert world.a.association.buffered_amount == 0


def test_a_message_that_expires_halfway_is_skipped(module: ModuleType) -> None:
    world = World(module=module, delay_us=100_000)
    world.connect()
    world.send(bytes(250_000), max_lifetime_ms=250)
    world.run(0.3)
    world.send(b"after")
    world.run(30)
    assert [data for _, _, data in world.b.messages()] == [b"after"]
    assert world.a.association.buffered_amount == 0


def test_a_lost_forward_tsn_is_sent_again(module: ModuleType) -> None:
    world = World(module=module)
    world.connect()
    world.link_from(world.a).drop = lambda packet: (
        packet[12] in (*DATA_TYPES, ChunkType.FORWARD_TSN, ChunkType.I_FORWARD_TSN)
    )
    world.send(b"gone", max_retransmits=0)
    world.run(2)
    world.link_from(world.a).drop = None
    world.run(5)
    world.send(b"here")
    world.run(5)
    assert [data for _, _, data in world.b.messages()] == [b"here"]
