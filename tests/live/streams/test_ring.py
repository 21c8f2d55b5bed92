"""The ring of a track and its readers."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from miso.live.streams.cursor import Cursor
from miso.live.streams.ring import Bounds, Entry, Ring
from tests.live.streams.packets import picture, sound


def filled(bounds: Bounds, count: int, *, key_every: int = 10, size: int = 100) -> Ring:
    ring = Ring(bounds)
    for number in range(count):
        ring.write(Entry(number, picture(40 * number, key=number % key_every == 0, size=size)))
    return ring


def test_it_keeps_no_more_packets_than_its_bound() -> None:
    ring = filled(Bounds(packets=8), 100)
    assert [ring.at(position).arrival for position in range(ring.first, ring.end)] == list(range(92, 100))


def test_it_keeps_no_more_bytes_than_its_bound_but_always_the_newest_packet() -> None:
    ring = filled(Bounds(size_bytes=1_000), 50, size=300)
    assert len(ring) == 3
    ring.write(Entry(50, picture(2_000, size=5_000)))
    assert [ring.at(position).arrival for position in range(ring.first, ring.end)] == [50]


def test_it_keeps_nothing_older_than_its_bound() -> None:
    ring = filled(Bounds(duration_ms=400), 100)
    assert ring.at(ring.end - 1).packet.dts_ms - ring.at(ring.first).packet.dts_ms == 400


def test_a_key_frame_that_fell_out_is_none_to_begin_with() -> None:
    assert filled(Bounds(packets=8), 11).newest_key == 10
    assert filled(Bounds(packets=8), 19).newest_key is None


def test_an_overtaken_reader_jumps_to_the_newest_key_frame_and_is_told_how_much_it_missed() -> None:
    ring = filled(Bounds(packets=32), 5)
    cursor = Cursor(ring, 0)
    for number in range(5, 100):
        ring.write(Entry(number, picture(40 * number, key=number % 10 == 0)))
    entry = cursor.peek()
    assert entry is not None
    assert entry.arrival == 90
    assert cursor.advance() == 90
    assert cursor.peek() == ring.at(91)
    assert cursor.advance() == 0


def test_an_overtaken_reader_waits_for_a_key_frame_when_none_is_kept() -> None:
    ring = filled(Bounds(packets=8), 5)
    cursor = Cursor(ring, 0)
    for number in range(5, 19):
        ring.write(Entry(number, picture(40 * number, key=number == 5)))
    assert cursor.peek() is None
    ring.write(Entry(19, picture(800)))
    assert cursor.peek() is None
    ring.write(Entry(20, picture(840, key=True)))
    entry = cursor.peek()
    assert entry is not None
    assert entry.arrival == 20
    assert cursor.advance() == 20


def test_a_reader_gets_what_is_kept_after_the_ring_has_closed() -> None:
    ring = filled(Bounds(), 3)
    cursor = Cursor(ring, 0)
    ring.close()
    ring.write(Entry(3, picture(120)))
    for number in range(3):
        entry = cursor.peek()
        assert entry is not None
        assert entry.arrival == number
        assert not cursor.at_end
        cursor.advance()
    assert cursor.at_end


@given(
    arrivals=st.lists(st.integers(0, 40), unique=True).map(sorted),
    arrival=st.integers(0, 41),
)
def test_an_arrival_is_found_at_the_first_packet_not_before_it(arrivals: list[int], arrival: int) -> None:
    ring = Ring(Bounds(packets=16))
    for number in arrivals:
        ring.write(Entry(number, sound(number)))
    kept = [ring.at(position).arrival for position in range(ring.first, ring.end)]
    expected = next((index for index, number in enumerate(kept) if number >= arrival), len(kept))
    assert ring.position_of(arrival) == ring.first + expected


OPERATIONS = st.lists(st.sampled_from(["write", "write key", "read", "read", "cancel", "turn", "close"]), max_size=60)


async def read_all(ring: Ring, into: list[int]) -> None:
    cursor = Cursor(ring, 0)
    while not cursor.at_end:
        entry = cursor.peek()
        if entry is None:
            await ring.waiters.wait()
            continue
        into.append(entry.arrival)
        cursor.advance()


@given(OPERATIONS)
def test_no_reader_waits_for_ever_and_none_sees_a_packet_twice_or_late(operations: list[str]) -> None:
    """Whatever the order of writes, reads, cancellations and closing, on one loop."""

    async def scenario() -> None:
        ring = Ring(Bounds(packets=4))
        readers: list[tuple[asyncio.Task[None], list[int]]] = []
        written = 0
        for operation in operations:
            if operation.startswith("write") and not ring.closed:
                ring.write(Entry(written, picture(written, key=operation == "write key")))
                written += 1
            elif operation == "read":
                got: list[int] = []
                readers.append((asyncio.ensure_future(read_all(ring, got)), got))
            elif operation == "cancel" and readers:
                readers.pop()[0].cancel()
            elif operation == "turn":
                await asyncio.sleep(0)
            elif operation == "close":
                ring.close()
        ring.close()
        for _ in range(3):
            await asyncio.sleep(0)
        for task, got in readers:
            assert task.done(), "a reader waits for ever"
            assert got == sorted(set(got))
            assert not written or not got or got[-1] <= written - 1
        assert len(ring.waiters) == 0

    asyncio.run(scenario())
