"""One bound for what all streams keep."""

from __future__ import annotations

import asyncio
import logging
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miso.live.fanout.fanout import Fanout
from miso.live.media.packet import Codec, Kind, Packet, TrackId
from miso.live.streams.cursor import Cursor
from miso.live.streams.memory import PACKET_BYTES, Memory
from miso.live.streams.registry import Streams
from miso.live.streams.ring import Bounds, Entry, Ring
from miso.live.streams.stream import StreamSettings
from tests.live.clock import FakeClock
from tests.live.streams.packets import picture

BODY_BYTES = 1_000
EACH = BODY_BYTES + PACKET_BYTES


def write(ring: Ring, count: int, size: int = BODY_BYTES) -> None:
    for _ in range(count):
        ring.write(Entry(ring.end, picture(0, key=True, size=size)))


async def test_who_keeps_most_gives_up_its_oldest_for_others(caplog: pytest.LogCaptureFixture) -> None:
    memory = Memory(100 * EACH)
    large, small = Ring(Bounds(), memory, "live/large"), Ring(Bounds(), memory, "live/small")
    write(small, 10)
    write(large, 200)
    assert (len(large), len(small), memory.dropped_packets) == (90, 10, 110)
    with caplog.at_level(logging.WARNING):
        write(small, 20)
    assert (len(large), len(small)) == (70, 30)
    assert large.first == 130
    assert memory.used_bytes == 100 * EACH
    assert large.at(large.first).arrival == 130


async def test_it_is_told_in_the_log_whose_packets_were_dropped(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        write(Ring(Bounds(), Memory(10 * EACH), "live/large"), 11)
    assert "streams keep too much together" in caplog.text
    assert "live/large" in caplog.text


async def test_a_packet_is_never_dropped_by_its_own_writing() -> None:
    memory = Memory(EACH)
    rings = [Ring(Bounds(), memory) for _ in range(3)]
    for ring in rings:
        write(ring, 1, size=10 * BODY_BYTES)
        assert len(ring) == 1
    assert [len(ring) for ring in rings] == [0, 0, 1]


async def test_a_ring_that_has_closed_counts_no_more_but_keeps_what_its_readers_lack() -> None:
    memory = Memory(10 * EACH)
    ring = Ring(Bounds(), memory)
    write(ring, 5)
    cursor = Cursor(ring, 0)
    ring.close()
    assert memory.used_bytes == 0
    write(Ring(Bounds(), memory), 20)
    assert cursor.peek() is not None
    memory.remove(ring)
    assert memory.used_bytes == 10 * EACH


async def test_what_is_kept_for_players_counts_as_what_is_kept_of_tracks() -> None:
    memory = Memory(50 * EACH)
    fanout, ring = Fanout(4096, 1 << 40), Ring(Bounds(), memory)
    memory.add(fanout, "live/a")
    for _ in range(100):
        fanout.append((bytes(BODY_BYTES),), is_video=False, is_key=True)
        memory.has_written(fanout)
    assert len(fanout) == 50
    write(ring, 20)
    assert (len(fanout), len(ring)) == (30, 20)
    memory.remove(fanout)
    assert memory.used_bytes == 20 * EACH


async def test_streams_whose_time_stands_still_keep_no_more_together_than_is_allowed() -> None:
    most = 3_000_000
    memory = Memory(most)
    streams = Streams(StreamSettings(max_tracks=16), FakeClock(), 1_000, memory=memory)
    publications = [streams.publish(f"live/{number}", lambda: None) for number in range(50)]
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for round in range(20):
        for publication in publications:
            for track in range(16):
                size = 2_000 if round % 2 else 1
                publication.write(Packet(TrackId(Kind.VIDEO, track), Codec.AV1, 0, bytes(size), is_key=True))
                assert memory.used_bytes <= most
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 1.5 * most, "what a packet takes beside its bits is more than what is counted"
    streams.close()
    assert memory.used_bytes == 0


@given(st.data())
def test_whatever_is_written_and_closed_the_sum_is_right_and_within_the_bound(data: st.DataObject) -> None:

    async def scenario() -> None:  # the log's limit needs a loop
        most = data.draw(st.integers(EACH, 30 * EACH))
        memory = Memory(most)
        rings = [Ring(Bounds(packets=data.draw(st.integers(1, 20)), size_bytes=20_000), memory) for _ in range(4)]
        cursors = [Cursor(ring, 0) for ring in rings]
        got: list[list[int]] = [[] for _ in rings]
        for _ in range(data.draw(st.integers(1, 30))):
            which = data.draw(st.integers(0, 3))
            ring, size = rings[which], data.draw(st.integers(0, 3 * BODY_BYTES))
            if data.draw(st.integers(0, 30)) == 0:
                ring.close()
            write(ring, 1, size)
            open_rings = [ring for ring in rings if not ring.closed]
            assert memory.used_bytes == sum(ring.kept_bytes for ring in open_rings)
            if not ring.closed:
                assert memory.used_bytes <= max(most, size + PACKET_BYTES)
                assert ring.at(ring.end - 1).packet.size_bytes == size
            if data.draw(st.booleans()):
                entry = cursors[which].peek()
                if entry is not None:
                    got[which].append(entry.arrival)
                    cursors[which].advance()
        for arrivals in got:
            assert arrivals == sorted(set(arrivals))

    asyncio.run(scenario())
