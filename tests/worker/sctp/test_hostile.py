"""What a peer that lies can cost: time for each packet, and memory."""

from __future__ import annotations

import gc
import struct
import tracemalloc
from collections.abc import Iterator

import pytest

from miso.worker.sctp.events import SctpState
from miso.worker.sctp.wire.chunks import chunk
from miso.worker.sctp.wire.constants import ChunkType
from miso.worker.sctp.wire.packet import build_packet
from miso.worker.sctp.wire.parameters import Parameter
from tests import modes, sanitizers
from tests.worker.sctp.liar import Liar
from tests.worker.sctp.world import World

# Loosely: a packet takes a tenth of this on an idle machine, and the tests share theirs.
PATIENCE_MS = 5.0


class Cost:
    """Time or memory: to trace every allocation takes many times what is to be timed."""

    def __init__(self, is_traced: bool) -> None:
        self._is_traced = is_traced
        self._before = tracemalloc.get_traced_memory()[0]

    def is_within(self, times_ms: list[float], memory: int) -> bool:
        """Whether what is held grew by less than ``memory`` bytes; or the median packet cost little, and none much."""
        if self._is_traced:
            return tracemalloc.get_traced_memory()[0] - self._before < memory
        return median(times_ms) < PATIENCE_MS and max(times_ms) < 10 * PATIENCE_MS


@pytest.fixture(params=["time", "memory"])
def cost(request: pytest.FixtureRequest) -> Iterator[Cost]:
    if request.param == "time":
        if sanitizers.are_on():
            pytest.skip("measures what sanitizers cost")
        gc.disable()  # a collection of all that the other tests left is not the packet's
        yield Cost(is_traced=False)
        gc.enable()
        return
    tracemalloc.start()
    yield Cost(is_traced=True)
    tracemalloc.stop()


def median(times: list[float]) -> float:
    return sorted(times)[len(times) // 2]


def test_a_sack_with_290_gap_blocks_over_all_that_is_in_flight(liar: Liar) -> None:
    world = liar.world
    for _ in range(1000):
        world.send(bytes(200), ordered=False)
    world.run(1.0, until=lambda: False)
    for _ in range(1000):
        world.send(bytes(200), ordered=False)
    victim_tsn = (liar.victim_tsn + 1000 - 1) & 0xFFFFFFFF
    everything = [(1, 65535)] * 290
    odd = [(2 * number + 2, 2 * number + 2) for number in range(290)]
    times = []
    for round_ in range(40):
        blocks = everything if round_ % 2 else odd
        packed = b"".join(struct.pack("!HH", *block) for block in blocks)
        times.append(liar.send(chunk(ChunkType.SACK, 0, struct.pack("!IIHH", victim_tsn, 2**20, 290, 0) + packed)))
    assert median(times) < PATIENCE_MS
    assert liar.victim.state is SctpState.CONNECTED


def test_misordered_data_without_end_is_kept_within_the_buffer(liar: Liar, cost: Cost) -> None:
    times = []
    for step in range(1, 12_000, 25):
        chunks = [liar.data(2 * (step + more), flags=0, number=step + more, size=20) for more in range(25)]
        times.append(liar.send(*chunks))
    for step in range(1, 1500):
        times.append(liar.send(liar.data(2 * step + 1, flags=4, number=step, size=1000)))
    assert cost.is_within(times, 16 << 20)
    assert liar.victim.state is SctpState.CONNECTED


def test_data_from_the_last_to_the_first_and_a_hole(liar: Liar, cost: Cost) -> None:
    times = [liar.send(liar.data(step, number=step)) for step in range(8000, 0, -1)]
    times.append(liar.send(liar.forward(8100, [(0, 7000)] * 140)))
    assert cost.is_within(times, 16 << 20)


def test_forward_tsns_that_jump_far(liar: Liar, cost: Cost) -> None:
    times = []
    for number in range(1, 500):
        for step in (3, 70, 600, 5000):
            liar.send(liar.data(60_000 * (number - 1) + step, number=number))
        entries = [(stream_id, number) for stream_id in range(140)]
        times.append(liar.send(liar.forward(60_000 * number, entries)))
    assert cost.is_within(times, 1 << 20)


def test_a_message_on_each_of_65535_streams() -> None:
    world = World(
        module=modes.load("miso.worker.sctp.association", "compiled"),
        a={"inbound_streams": 65535, "outbound_streams": 65535},
        b={"inbound_streams": 65535, "outbound_streams": 65535},
    )
    tracemalloc.start()
    world.connect()
    assert tracemalloc.get_traced_memory()[0] < 1 << 20
    tracemalloc.stop()
    for stream_id in range(50_000):
        world.b.association.send(stream_id, 53, b"x", ordered=True, now_us=world.now_us)
        if stream_id % 500 == 0:
            world.run(10, until=lambda: world.b.association.buffered_amount == 0)
    tracemalloc.start()
    for stream_id in range(50_000, 60_000):
        world.b.association.send(stream_id, 53, b"x", ordered=True, now_us=world.now_us)
        if stream_id % 500 == 0:
            world.run(10, until=lambda: world.b.association.buffered_amount == 0)
            world.a.events.clear()
            world.a.sent.clear()
            world.b.sent.clear()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held / 10_000 < 1000  # bytes for each stream, both sides'


def test_requests_and_heartbeats_are_answered_within_limits(liar: Liar) -> None:
    reset = struct.pack("!III", liar.tsn, 0, (liar.tsn - 1) & 0xFFFFFFFF) + struct.pack("!500H", *range(500))
    heartbeats = [chunk(ChunkType.HEARTBEAT, 0, Parameter(1, b"x").to_bytes())] * 30
    unknown = [chunk(0xFF, 0, b"abcd")] * 30
    times = [liar.send(*heartbeats, *unknown) for _ in range(50)]
    times += [liar.send(chunk(ChunkType.RE_CONFIG, 0, Parameter(13, reset).to_bytes())) for _ in range(50)]
    assert median(times) < PATIENCE_MS
    liar.victim.receive(build_packet(5000, 5000, liar.tag, heartbeats + unknown), liar.world.now_us)
    assert len(liar.victim.take_packets()) <= 2


def test_a_control_chunk_counts_once_in_a_packet_whatever_its_type(liar: Liar) -> None:
    def acknowledged(*chunks: bytes) -> int:
        liar.victim.receive(build_packet(5000, 5000, liar.tag, list(chunks)), liar.world.now_us)
        (sack,) = [packet for packet in liar.victim.take_packets() if packet[12] == ChunkType.SACK]
        return (int.from_bytes(sack[16:20], "big") - liar.tsn) & 0xFFFFFFFF

    assert acknowledged(liar.forward(10, []), liar.forward(20, [])) == 10
    assert acknowledged(chunk(0xBF), liar.forward(30, [])) == 30  # an unknown one, to be skipped, hides no other
    assert acknowledged(chunk(0x9F), chunk(0x80), liar.forward(40, [])) == 40


def test_messages_before_the_cookie_is_acknowledged_do_not_pile_up() -> None:
    world = World(b={"interleaving": False})
    world.link_from(world.b).drop = lambda packet: packet[12] == ChunkType.COOKIE_ACK
    world.a.association.start(world.now_us)
    world.run(3.0)
    victim = world.a.association
    assert [victim.state] == [SctpState.CONNECTING]
    init_ack = next(packet for packet in world.b.sent if packet[12] == ChunkType.INIT_ACK)
    tag, tsn = int.from_bytes(init_ack[4:8], "big"), int.from_bytes(init_ack[28:32], "big")

    def send(*chunks: bytes) -> None:
        victim.receive(build_packet(5000, 5000, tag, list(chunks)), world.now_us)

    for step in range(50):
        fixed = struct.pack("!IHHI", (tsn + step) & 0xFFFFFFFF, 0, step, 53)
        send(chunk(ChunkType.DATA, 3, fixed + bytes(1000)))
    send(chunk(ChunkType.COOKIE_ACK))
    assert [victim.state] == [SctpState.CONNECTED]
    world.run(1.0)
    assert world.a.messages() == []


def test_an_oversize_message_is_thrown_away_and_the_next_one_comes() -> None:
    world = World(a={"max_message_size": 5000}, b={"send_buffer_size": 1 << 20})
    world.connect()
    for size in (5000, 5001, 800_000, 4999):
        world.b.association.send(1, 53, bytes(size), ordered=True, now_us=world.now_us)
        world.run(30, until=lambda: world.b.association.buffered_amount == 0)
    assert [len(data) for _, _, data in world.a.messages()] == [5000, 4999]


def test_a_closed_window_is_probed_and_opens_again() -> None:
    world = World()
    world.connect()
    sacks = [0]

    def close_window(packet: bytes) -> bool:
        if packet[12] == ChunkType.SACK and sacks[0] < 30:
            sacks[0] += 1
            tsn = packet[16:20]
            fixed = chunk(ChunkType.SACK, 0, tsn + struct.pack("!IHH", 0, 0, 0))
            forged = build_packet(5000, 5000, int.from_bytes(packet[4:8], "big"), [fixed])
            world.a.association.receive(forged, world.now_us)
            return True
        return False

    world.link_from(world.b).drop = close_window
    world.send(bytes(100_000))
    world.run(600)
    assert sacks[0] == 30
    assert [len(data) for _, _, data in world.b.messages()] == [100_000]
