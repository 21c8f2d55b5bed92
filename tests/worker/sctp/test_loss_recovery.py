"""How losses are repaired, how SACKs are delayed, and how the sender keeps to its windows (RFC 9260)."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable
from types import ModuleType

import pytest

from miso.worker.sctp.wire.chunks import chunk
from miso.worker.sctp.wire.constants import ChunkType
from miso.worker.sctp.wire.packet import build_packet
from tests.worker.sctp.world import SECOND, World

DATA_TYPES = (ChunkType.DATA, ChunkType.I_DATA)
Load = Callable[[str], ModuleType]


@pytest.fixture
def world(load: Load) -> World:
    """Connected, 20 ms of round trip."""
    world = World(module=load("miso.worker.sctp.association"))
    world.connect()
    return world


def losing(world: World, *occurrences: int) -> list[bytes]:
    """Loses the so-many-th data packets from now on, counted from 0; gives those lost."""
    lost: list[bytes] = []
    count = [0]

    def drop(packet: bytes) -> bool:
        if packet[12] not in DATA_TYPES:
            return False
        count[0] += 1
        if count[0] - 1 in occurrences:
            lost.append(packet)
            return True
        return False

    world.link_from(world.a).drop = drop
    return lost


def transmissions(world: World, packet: bytes) -> int:
    """How often the chunk that the packet begins with was sent."""
    return sum(1 for sent in world.a.sent if sent[12] in DATA_TYPES and sent[16:20] == packet[16:20])


def send_and_wait(world: World, count: int) -> int:
    """Gives how long it took until all was acknowledged, us."""
    before_us = world.now_us
    for _ in range(count):
        world.send(bytes(1000))
    world.run(60, until=lambda: world.a.association.buffered_amount == 0)
    return world.now_us - before_us


def test_one_lost_packet_is_sent_again_once_and_without_a_timeout(world: World) -> None:
    lost = losing(world, 7)
    send_and_wait(world, 100)
    assert world.link_from(world.a).longest_silence_us < 0.3 * SECOND
    assert transmissions(world, lost[0]) == 2
    assert len(world.b.messages()) == 100


def test_many_lost_packets_are_sent_again_once_each(world: World) -> None:
    lost = losing(world, 8, 9, 11, 14)
    send_and_wait(world, 150)
    assert world.link_from(world.a).longest_silence_us < 0.3 * SECOND
    assert [transmissions(world, packet) for packet in lost] == [2, 2, 2, 2]


def test_a_retransmission_that_is_lost_is_found_without_a_timeout(world: World) -> None:
    lost = losing(world, 20)
    for _ in range(200):
        world.send(bytes(1000))
    world.run(60, until=lambda: len(lost) == 1)
    seen = [0]

    def drop_again(packet: bytes) -> bool:
        if packet[12] in DATA_TYPES and packet[16:20] == lost[0][16:20]:
            seen[0] += 1
            return seen[0] == 1
        return False

    world.link_from(world.a).drop = drop_again
    world.run(60, until=lambda: world.a.association.buffered_amount == 0)
    assert world.link_from(world.a).longest_silence_us < 0.3 * SECOND
    assert transmissions(world, lost[0]) == 3


def test_the_last_packet_is_sent_again_before_the_timeout(world: World) -> None:
    lost = losing(world, 0)
    took_us = send_and_wait(world, 1)
    assert took_us < 0.1 * SECOND  # five round trips
    assert transmissions(world, lost[0]) == 2


def test_the_last_packets_are_sent_again_in_one_probe_and_what_follows_from_its_answer(world: World) -> None:
    send_and_wait(world, 100)
    lost = losing(world, *range(6, 10))
    assert send_and_wait(world, 10) < 0.2 * SECOND
    assert [transmissions(world, packet) for packet in lost] == [2, 2, 2, 2]


def test_two_probes_are_lost_and_timeouts_back_off(world: World) -> None:
    losing(world, *range(7))
    times: list[int] = []
    link = world.link_from(world.a)
    drop = link.drop
    assert drop is not None

    def watch(packet: bytes) -> bool:
        if packet[12] in DATA_TYPES:
            times.append(world.now_us)
        return drop(packet)

    link.drop = watch
    send_and_wait(world, 1)
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(waits) == 7
    assert waits[1] == 2 * waits[0]
    assert all(later == 2 * earlier for earlier, later in itertools.pairwise(waits[3:]))


def test_an_answer_that_is_late_but_comes_causes_no_further_repetitions(world: World) -> None:
    send_and_wait(world, 100)
    world.link_from(world.b).delay_us = 90_000
    sent_before = len(world.a.sent)
    send_and_wait(world, 6)
    assert len(world.a.sent) - sent_before <= 6 + 2
    assert len(world.b.messages()) == 106


def test_nothing_is_probed_for_that_may_not_be_sent_again(world: World) -> None:
    send_and_wait(world, 10)
    sent_before = len(world.a.sent)
    world.link_from(world.a).drop = lambda packet: True
    world.send(b"once", ordered=False, max_retransmits=0)
    world.run(0.35)
    assert len(world.a.sent) - sent_before == 1


def test_every_second_packet_is_acknowledged_and_the_last_within_200_ms(world: World) -> None:
    before = world.link_from(world.b).packets
    took_us = send_and_wait(world, 41)
    assert 20 <= world.link_from(world.b).packets - before <= 22
    assert took_us < 0.4 * SECOND


def test_what_a_gap_block_acknowledged_may_be_taken_back(world: World) -> None:
    losing(world, 0)
    for _ in range(4):
        world.send(bytes(1000))
    dropped = [0]

    def forget(packet: bytes) -> bool:
        """The first SACKs with gap blocks are followed by one without."""
        if packet[12] == ChunkType.SACK and dropped[0] < 1:
            dropped[0] += 1
            tag = int.from_bytes(packet[4:8], "big")
            for fixed in (packet[16:], packet[16:24] + bytes(4)):
                forged = build_packet(5000, 5000, tag, [chunk(ChunkType.SACK, 0, fixed)])
                world.a.association.receive(forged, world.now_us)
            return True
        return False

    world.link_from(world.b).drop = forget
    world.run(30, until=lambda: world.a.association.buffered_amount == 0)
    assert dropped == [1]
    assert len(world.b.messages()) == 4


@pytest.mark.parametrize("block", [(1, 0), (0, 0), (3, 1)])
def test_gap_blocks_that_go_back_acknowledge_nothing(world: World, block: tuple[int, int]) -> None:
    world.link_from(world.a).drop = lambda packet: packet[12] in DATA_TYPES
    for _ in range(3):
        world.send(bytes(1000))
    world.run(0.1, until=lambda: False)
    first_tsn = next(int.from_bytes(packet[16:20], "big") for packet in world.a.sent if packet[12] in DATA_TYPES)
    tag = int.from_bytes(world.b.sent[-1][4:8], "big")
    fixed = struct.pack("!IIHHHH", (first_tsn - 1) & 0xFFFFFFFF, 100_000, 1, 0, *block)
    world.a.association.receive(build_packet(5000, 5000, tag, [chunk(ChunkType.SACK, 0, fixed)]), world.now_us)
    world.link_from(world.a).drop = None
    world.run(5, until=lambda: len(world.b.messages()) == 3)
    assert len(world.b.messages()) == 3


def test_sacks_of_what_was_never_sent_and_old_ones_change_nothing(world: World) -> None:
    world.send(bytes(1000))
    tag = int.from_bytes(world.b.sent[-1][4:8], "big")
    (init,) = [packet for packet in world.a.sent if packet[12] == ChunkType.INIT]
    first_tsn = int.from_bytes(init[28:32], "big")
    for step in (1, 2, 1000, 0x7FFFFFFF, -2, -1000):
        fixed = struct.pack("!IIHH", (first_tsn + step) & 0xFFFFFFFF, 5000, 0, 0)
        world.a.association.receive(build_packet(5000, 5000, tag, [chunk(ChunkType.SACK, 0, fixed)]), world.now_us)
    assert world.a.association.buffered_amount == 1000
    world.run(5)
    assert world.a.association.buffered_amount == 0


def test_what_the_peer_can_not_take_waits(world: World) -> None:
    """A receiver whose window is small gets no more than fits."""
    tag = int.from_bytes(world.b.sent[-1][4:8], "big")
    (init,) = [packet for packet in world.a.sent if packet[12] == ChunkType.INIT]
    before_tsn = (int.from_bytes(init[28:32], "big") - 1) & 0xFFFFFFFF
    fixed = struct.pack("!IIHH", before_tsn, 2500, 0, 0)
    world.a.association.receive(build_packet(5000, 5000, tag, [chunk(ChunkType.SACK, 0, fixed)]), world.now_us)
    for _ in range(10):
        world.send(bytes(1000))
    assert len(world.a.association.take_packets()) == 2
