"""Handshakes: both sides at once, lost packets, restarts, cookies that are late or forged."""

from __future__ import annotations

import struct
from collections.abc import Callable
from types import ModuleType

import pytest

from miso.worker.errors import ParseError
from miso.worker.sctp.events import Restarted, SctpState, StateChanged
from miso.worker.sctp.wire.chunks import Init, chunk
from miso.worker.sctp.wire.constants import ChunkType, ParameterType
from miso.worker.sctp.wire.packet import build_packet
from tests.worker.sctp.world import SECOND, End, World

Load = Callable[[str], ModuleType]


@pytest.fixture
def module(load: Load) -> ModuleType:
    return load("miso.worker.sctp.association")


def works_both_ways(world: World) -> None:
    world.a.events.clear()
    world.b.events.clear()
    world.send(b"there", stream_id=2)
    world.b.association.send(2, 51, b"back", ordered=True, now_us=world.now_us)
    world.run(20)
    assert world.b.messages() == [(2, 53, b"there")]
    assert world.a.messages() == [(2, 51, b"back")]


@pytest.mark.parametrize("later_us", [0, 5_000, 15_000, 25_000, 35_000, 3_500_000])
def test_both_sides_begin_one_a_little_later(module: ModuleType, later_us: int) -> None:
    world = World(module=module)
    world.a.association.start(world.now_us)
    world.run(later_us / SECOND)
    world.b.association.start(world.now_us)
    world.run(10, until=world.is_connected)
    works_both_ways(world)
    assert world.b.association.discarded == world.a.association.discarded == 0


def test_one_side_alone_begins(module: ModuleType) -> None:
    world = World(module=module)
    world.a.association.start(world.now_us)
    world.run(10, until=world.is_connected)
    works_both_ways(world)


@pytest.mark.parametrize("seed", range(12))
def test_a_bad_link_delays_the_handshake_only(module: ModuleType, seed: int) -> None:
    world = World(module=module, seed=seed, loss=0.4, repeat=0.3, reorder=0.5)
    world.a.association.start(world.now_us)
    world.b.association.start(world.now_us)
    world.run(300, until=world.is_connected)
    assert world.is_connected()
    for link in (world.link_from(world.a), world.link_from(world.b)):
        link.loss = 0.0
    works_both_ways(world)


@pytest.mark.parametrize("type_", [ChunkType.INIT, ChunkType.INIT_ACK, ChunkType.COOKIE_ECHO, ChunkType.COOKIE_ACK])
def test_each_packet_of_the_handshake_may_be_lost_twice(module: ModuleType, type_: ChunkType) -> None:
    world = World(module=module)
    lost: list[bytes] = []

    def drop(packet: bytes) -> bool:
        if packet[12] == type_ and len(lost) < 2:
            lost.append(packet)
            return True
        return False

    world.link_from(world.a).drop = drop
    world.link_from(world.b).drop = drop
    world.a.association.start(world.now_us)
    world.run(30, until=world.is_connected)
    assert len(lost) == 2
    works_both_ways(world)


def test_streams_are_as_many_as_both_sides_can(module: ModuleType) -> None:
    world = World(
        module=module,
        a={"outbound_streams": 10, "inbound_streams": 2000},
        b={"outbound_streams": 100, "inbound_streams": 5},
    )
    world.connect()
    assert world.a.association.outbound_streams == 5
    assert world.b.association.outbound_streams == 100


def test_nobody_answers_and_it_fails(module: ModuleType) -> None:
    world = World(module=module)
    world.link_from(world.a).drop = lambda packet: True
    world.a.association.start(world.now_us)
    world.run(600, until=lambda: world.a.association.state is SctpState.FAILED)
    assert world.a.of(StateChanged) == [StateChanged(SctpState.CONNECTING), StateChanged(SctpState.FAILED)]
    assert world.link_from(world.a).packets == 9
    assert world.a.association.next_timer_us is None


def test_the_peer_restarts_and_both_go_on_from_the_beginning(module: ModuleType) -> None:
    world = World(module=module)
    world.connect()
    for _ in range(3):
        world.send(b"x", stream_id=2)
        world.b.association.send(2, 51, b"y", ordered=True, now_us=world.now_us)
    world.run(1)
    world.b.association = world.make()
    world.b.association.start(world.now_us)
    world.run(20, until=world.is_connected)
    assert world.a.of(Restarted) == [Restarted()]
    assert world.a.association.state is SctpState.CONNECTED
    works_both_ways(world)


def test_a_peer_that_restarts_after_it_began_to_shut_down_is_connected_again(module: ModuleType) -> None:
    world = World(module=module)
    world.connect()
    world.link_from(world.a).drop = lambda packet: packet[12] == ChunkType.I_DATA
    world.send(bytes(3000))
    world.b.association.shutdown(world.now_us)
    world.run(0.1)
    assert world.a.association.state is SctpState.CLOSED
    world.link_from(world.a).drop = None
    world.b.association = world.make()
    world.b.association.start(world.now_us)
    world.run(20, until=world.is_connected)
    assert world.a.of(StateChanged)[-2:] == [StateChanged(SctpState.CLOSED), StateChanged(SctpState.CONNECTED)]
    works_both_ways(world)


def test_streams_that_were_added_are_asked_for_again_after_a_restart(module: ModuleType) -> None:
    world = World(module=module, a={"outbound_streams": 16})
    world.connect()
    world.a.association.need_stream(40, world.now_us)
    world.run(1)
    assert world.a.association.outbound_streams == 48
    world.b.association = world.make()
    world.b.association.start(world.now_us)
    world.run(20, until=world.is_connected)
    world.run(1)
    assert world.a.association.outbound_streams == 48
    world.send(b"x", stream_id=40)
    world.run(1)
    assert world.b.messages() == [(40, 53, b"x")]


def init_ack_of(world: World, end: End, tag: int = 77) -> tuple[Init, bytes]:
    """What the end answers to an INIT of someone else."""
    chunk_ = Init(tag, 5000, 5, 5, 9).to_bytes(ChunkType.INIT)
    end.association.receive(build_packet(5000, 5000, 0, [chunk_]), world.now_us)
    (packet,) = end.association.take_packets()
    assert packet[12] == ChunkType.INIT_ACK
    assert packet[4:8] == struct.pack("!I", tag)
    init_ack = Init.parse(packet, 16, len(packet))
    cookie = init_ack.parameter(ParameterType.STATE_COOKIE)
    assert cookie is not None
    return init_ack, cookie


def test_an_init_costs_no_memory_and_its_cookie_lives_a_minute(module: ModuleType) -> None:
    world = World(module=module)
    init_ack, cookie = init_ack_of(world, world.a)
    for number in range(1000):
        init_ack_of(world, world.a, tag=number + 1)
    assert world.a.association.next_timer_us is None
    echo = build_packet(5000, 5000, init_ack.tag, [chunk(ChunkType.COOKIE_ECHO, 0, cookie)])
    world.a.association.receive(echo, world.now_us + 61 * SECOND)
    (stale,) = world.a.association.take_packets()
    assert stale[12] == ChunkType.ERROR
    assert world.a.of(StateChanged) == []
    world.a.association.receive(echo, world.now_us + 59 * SECOND)
    assert world.a.association.state is SctpState.CONNECTED


def test_forged_and_foreign_cookies_change_nothing(module: ModuleType) -> None:
    world = World(module=module)
    world.connect()
    init_ack, cookie = init_ack_of(world, world.a)
    forged = cookie[:-1] + bytes([cookie[-1] ^ 1])
    with pytest.raises(ParseError, match="signed"):
        world.a.association.receive(
            build_packet(5000, 5000, init_ack.tag, [chunk(ChunkType.COOKIE_ECHO, 0, forged)]), world.now_us
        )
    wrong_tag = build_packet(5000, 5000, init_ack.tag ^ 1, [chunk(ChunkType.COOKIE_ECHO, 0, cookie)])
    world.a.association.receive(wrong_tag, world.now_us)
    assert world.a.association.discarded == 1
    works_both_ways(world)


def test_packets_for_others_are_discarded(module: ModuleType) -> None:
    world = World(module=module)
    world.connect()
    tag = int.from_bytes(world.b.sent[-1][4:8], "big")
    abort = chunk(ChunkType.ABORT)
    for packet in (
        build_packet(5001, 5000, tag, [abort]),
        build_packet(5000, 5001, tag, [abort]),
        build_packet(5000, 5000, tag ^ 1, [abort]),
        build_packet(5000, 5000, 0, [Init(1, 2, 3, 4, 5).to_bytes(ChunkType.INIT), abort]),
    ):
        world.a.association.receive(packet, world.now_us)
    assert world.a.association.discarded == 4
    assert world.is_connected()
    world.a.association.receive(build_packet(5000, 5000, tag, [abort]), world.now_us)
    assert world.a.association.state is SctpState.CLOSED
