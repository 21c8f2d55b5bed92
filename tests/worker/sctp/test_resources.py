"""What fills an association's memory: what it is charged with, when it is too much, and what becomes of it then."""

from __future__ import annotations

import itertools
import struct
import tracemalloc
from collections.abc import Callable

import pytest

from miso.worker.sctp.events import Event, MessageReceived, SctpState, StateChanged
from miso.worker.sctp.receiving.reassembly import Reassembly
from miso.worker.sctp.wire.chunks import chunk
from miso.worker.sctp.wire.constants import Cause, ChunkType
from miso.worker.sctp.wire.packet import build_packet
from miso.worker.sctp.wire.parameters import Parameter, parse_parameters
from tests import modes
from tests.worker.sctp.liar import Liar
from tests.worker.sctp.world import World

BEGIN, END, UNORDERED = 2, 1, 4


def receive(liar: Liar, *chunks: bytes) -> list[Event]:
    """What the victim has to say of a packet."""
    liar.victim.receive(build_packet(5000, 5000, liar.tag, list(chunks)), liar.world.now_us)
    return liar.victim.take_events()


def abort_causes(packets: list[bytes]) -> list[int]:
    aborts = [packet for packet in packets if packet[12] == ChunkType.ABORT]
    return [parameter.type for packet in aborts for parameter in parse_parameters(packet, 16, len(packet))]


@pytest.mark.parametrize("flags", [BEGIN, BEGIN | UNORDERED], ids=["ordered", "unordered"])
@pytest.mark.parametrize("size", [1, 1100])
def test_a_peer_that_finishes_none_of_its_messages_is_aborted(liar: Liar, size: int, flags: int) -> None:
    events: list[Event] = []
    for step in range(20_000):
        events += receive(liar, liar.data(step, number=step, flags=flags, size=size))
        if events:
            break
    assert events == [StateChanged(SctpState.CLOSED)]
    assert "receive buffer" in next(event.reason for event in events if isinstance(event, StateChanged))
    assert abort_causes(liar.victim.take_packets()) == [Cause.OUT_OF_RESOURCE]
    assert liar.victim.next_timer_us is None


def test_a_largest_message_lost_but_for_its_end_is_repaired_when_the_window_behind_it_was_used(liar: Liar) -> None:
    size, in_message = 1168, 262_144 // 1168

    def fragment(step: int) -> bytes:
        number, index = divmod(step, in_message)
        flags = BEGIN * (index == 0) | END * (index == in_message - 1)
        return liar.data(step, number=number, flags=flags, size=size, fragment=index)

    for step in range(in_message - 1, (1 << 20) // size):
        assert receive(liar, fragment(step)) == []
    events: list[Event] = []
    for step in [*range(in_message - 1), *range(in_message, 4 * in_message)]:  # what found no room comes again
        events += receive(liar, fragment(step))
    while liar.victim.next_timer_us == liar.world.now_us:
        liar.victim.on_timer(liar.world.now_us)
        events += liar.victim.take_events()
    assert [len(event.data) for event in events if isinstance(event, MessageReceived)] == 4 * [in_message * size]
    assert liar.victim.state is SctpState.CONNECTED


def test_many_large_messages_at_once_do_not_fill_a_peer_that_can_finish_none() -> None:
    world = World(module=modes.load("miso.worker.sctp.association", "compiled"), a={"send_buffer_size": 8 << 20})
    world.connect()
    for stream_id in range(20):
        world.send(bytes([stream_id]) * 262_144, stream_id=stream_id)
    world.run(60, until=lambda: world.a.association.buffered_amount == 0)
    assert sorted(data[0] for _, _, data in world.b.messages()) == [*range(20)]
    assert world.is_connected()


def test_small_messages_still_overtake_large_ones() -> None:
    world = World(module=modes.load("miso.worker.sctp.association", "compiled"), a={"send_buffer_size": 8 << 20})
    world.connect()
    world.send(bytes(262_144), stream_id=1)
    world.send(b"small", stream_id=2)
    world.run(60, until=lambda: world.a.association.buffered_amount == 0)
    assert [stream_id for stream_id, _, _ in world.b.messages()] == [2, 1]


Chunk = tuple[int, int, int]  # TSN, stream, number

SHAPES: dict[str, Callable[[int], Chunk]] = {
    "one message": lambda step: (step, 1, 0),
    "neighbours missing": lambda step: (2 * step, 1, step),
    "backwards": lambda step: (4000 - step, 1, 0),
    "a stream each": lambda step: (2 * step, step, 0),
    "a few streams": lambda step: (2 * step, step % 50, step),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("flags", [0, UNORDERED, BEGIN | END], ids=["fragments", "unordered", "whole"])
@pytest.mark.parametrize("interleaving", [False, True], ids=["DATA", "I-DATA"])
def test_what_waits_is_charged_with_what_it_costs(interleaving: bool, flags: int, shape: str) -> None:
    reassembly = Reassembly(1 << 20, interleaving)
    tracemalloc.start()
    for step in range(1, 3000):
        tsn, stream_id, number = SHAPES[shape](step)
        if interleaving:
            reassembly.add_interleaved(stream_id, number + 1, flags, 53, tsn, bytes([step & 0xFF, 0]))
        else:
            reassembly.add_data((1 << 32) + tsn, stream_id, number + 1, flags, 53, bytes([step & 0xFF, 0]))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert reassembly.buffered() < 2 * held
    # a stream's own 160 bytes are not of what waits; the number of streams bounds them
    assert held < 1.1 * reassembly.buffered() + 160 * (3000 if shape == "a stream each" else 50) + 2000


@pytest.mark.parametrize("is_data_channel", [False, True], ids=["asked for", "echoed"])
def test_resets_of_all_streams_cost_little_memory_and_are_all_done(is_data_channel: bool) -> None:
    liar = Liar(outbound_streams=65535, inbound_streams=65535, is_data_channel=is_data_channel)
    request_number = liar.tsn
    type_, rest = (13, struct.pack("!II", 0, (liar.tsn - 1) & 0xFFFFFFFF)) if is_data_channel else (14, b"")
    results = []
    tracemalloc.start()
    for first in range(0, 65_000, 500):
        ids = struct.pack("!500H", *range(first, first + 500))
        value = struct.pack("!I", request_number & 0xFFFFFFFF) + rest + ids
        receive(liar, chunk(ChunkType.RE_CONFIG, 0, Parameter(type_, value).to_bytes()))
        packets = liar.victim.take_packets()
        results += [packet[27] for packet in packets if packet[12] == ChunkType.RE_CONFIG and packet[17] == 16]
        request_number += results[-1] == 1
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 1 << 20
    assert set(results[:8]) == {1}  # performed
    assert set(results[12:]) == {6}  # in progress: to be asked again


def test_messages_that_expired_in_the_queue_are_dropped_in_slices() -> None:
    world = World(module=modes.load("miso.worker.sctp.association", "compiled"), a={"send_buffer_size": 1 << 20})
    world.connect()
    before = world.a.association.buffered_amount
    for _ in range(10_000):
        world.send(bytes(20), ordered=False, max_lifetime_ms=100)
    world.link_from(world.b).drop = lambda packet: True
    world.run(0.2)
    world.link_from(world.b).drop = None
    amounts = [world.a.association.buffered_amount]
    while world.a.association.buffered_amount > before:
        world.run(5, until=lambda: world.a.association.buffered_amount < amounts[-1])
        amounts.append(world.a.association.buffered_amount)
    drops = [earlier - later for earlier, later in itertools.pairwise(amounts)]
    assert len(drops) > 6
    assert max(drops) <= 3 * 1024 * 20
    world.send(b"then", ordered=False)
    world.run(5)
    assert world.b.messages()[-1] == (1, 53, b"then")


def test_expired_messages_behind_lost_ones_do_not_keep_the_timer_busy() -> None:
    world = World(
        module=modes.load("miso.worker.sctp.association", "compiled"), a={"send_buffer_size": 1 << 20}, delay_us=60_000
    )
    world.connect()
    world.send(bytes(200_000))
    world.run(5)
    there, back = world.link_from(world.a), world.link_from(world.b)
    first, acknowledged = there.packets, back.packets
    there.drop = lambda packet: there.packets <= first + 16
    back.drop = lambda packet: back.packets > acknowledged + 3
    for _ in range(8):
        world.send(bytes(4600))
    for _ in range(10_000):
        world.send(bytes(20), ordered=False, max_lifetime_ms=100)
    steps = itertools.count()
    world.run(10, until=lambda: next(steps) > 500)
    assert next(steps) < 500


def test_what_has_its_turn_is_handed_out_when_the_peer_aborts(liar: Liar) -> None:
    for number in range(1, 501):
        receive(liar, liar.data(number, number=number))
    events = receive(liar, liar.data(0, number=0), chunk(ChunkType.ABORT))
    assert len([event for event in events if isinstance(event, MessageReceived)]) == 501
    assert events[-1] == StateChanged(SctpState.CLOSED)
