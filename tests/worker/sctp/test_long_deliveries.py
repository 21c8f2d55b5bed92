"""One packet may set thousands of messages free: they are handed out in slices, and nothing of them is lost."""

from __future__ import annotations

import struct

import pytest

from miso.worker.sctp import enums
from miso.worker.sctp.events import Event, MessageReceived, StreamsReset
from miso.worker.sctp.wire.chunks import chunk
from miso.worker.sctp.wire.constants import ChunkType
from miso.worker.sctp.wire.packet import build_packet
from miso.worker.sctp.wire.parameters import Parameter
from tests.worker.sctp.liar import Liar

WAITING = 1000


def receive(liar: Liar, *chunks: bytes) -> list[Event]:
    liar.victim.receive(build_packet(5000, 5000, liar.tag, list(chunks)), liar.world.now_us)
    return liar.victim.take_events()


def is_due(liar: Liar) -> bool:
    due_us = liar.victim.next_timer_us
    return due_us is not None and due_us <= liar.world.now_us


def next_slice(liar: Liar) -> list[Event]:
    liar.victim.on_timer(liar.world.now_us)
    return liar.victim.take_events()


def lengths(events: list[Event]) -> list[int]:
    return [len(event.data) for event in events if isinstance(event, MessageReceived)]


@pytest.fixture
def waiting(liar: Liar) -> Liar:
    """A peer whose messages 1 to 1000, of 1 to 1000 bytes, wait for message 0."""
    for number in range(1, WAITING + 1):
        assert receive(liar, liar.data(number, number=number, size=number)) == []
    return liar


def test_what_waited_for_one_packet_comes_in_slices_and_in_order(waiting: Liar) -> None:
    events = receive(waiting, waiting.data(0, number=0, size=1))
    assert lengths(events) == [1, *range(1, enums.SLICE + 1)]
    while is_due(waiting):
        events += (more := next_slice(waiting))
        assert len(more) <= enums.SLICE
    assert lengths(events) == [1, *range(1, WAITING + 1)]


def test_what_comes_meanwhile_keeps_its_place(waiting: Liar) -> None:
    events = receive(waiting, waiting.data(0, number=0, size=1))
    events += receive(waiting, waiting.data(WAITING + 1, number=WAITING + 1, size=WAITING + 1))
    events += receive(waiting, waiting.data(WAITING + 2, number=5, size=4000))  # a number that has its turn already
    while is_due(waiting):
        events += next_slice(waiting)
    assert lengths(events) == [1, *range(1, WAITING + 2)]


def test_a_skip_sets_free_what_came_before_and_after_the_gap(waiting: Liar) -> None:
    later = [receive(waiting, waiting.data(n, number=n, size=n)) for n in range(WAITING + 11, WAITING + 111)]
    assert not any(later)
    events = receive(waiting, waiting.forward(WAITING + 10, [(0, WAITING + 10)]))
    assert lengths(events) == [*range(1, enums.SLICE + 1)]
    # Given up by the peer while it had its turn to come: not taken any more.
    events += receive(waiting, waiting.data(WAITING + 200, number=WAITING + 3, size=4000))
    while is_due(waiting):
        events += next_slice(waiting)
    assert lengths(events) == [*range(1, WAITING + 1), *range(WAITING + 11, WAITING + 111)]
    assert lengths(receive(waiting, waiting.data(WAITING + 111, number=WAITING + 111, size=7))) == [7]


def test_a_second_skip_during_the_delivery_of_the_first(waiting: Liar) -> None:
    events = receive(waiting, waiting.forward(500, [(0, 500)]))
    events += receive(waiting, waiting.forward(2000, [(0, 2000)]))
    while is_due(waiting):
        events += next_slice(waiting)
    assert lengths(events) == [*range(1, WAITING + 1)]
    assert lengths(receive(waiting, waiting.data(2001, number=2001, size=7))) == [7]


def test_a_stream_is_reset_after_the_last_of_it_was_handed_out(waiting: Liar) -> None:
    def reset() -> bytes:
        value = struct.pack("!IIIH", waiting.tsn, 0, (waiting.tsn + WAITING) & 0xFFFFFFFF, 0)
        return chunk(ChunkType.RE_CONFIG, 0, Parameter(13, value).to_bytes())

    events = receive(waiting, waiting.data(0, number=0, size=1), reset())
    while is_due(waiting):
        events += next_slice(waiting)
    events += receive(waiting, reset())
    assert lengths(events) == [1, *range(1, WAITING + 1)]
    assert [event for event in events if isinstance(event, StreamsReset)] == [StreamsReset((0,), incoming=True)]
    assert isinstance(events[-1], StreamsReset)
    assert lengths(receive(waiting, waiting.data(WAITING + 1, number=0, size=7))) == [7]


def test_a_shutdown_waits_for_what_is_being_delivered(waiting: Liar) -> None:
    shutdown = chunk(ChunkType.SHUTDOWN, 0, struct.pack("!I", (waiting.victim_tsn - 1) & 0xFFFFFFFF))
    events = receive(waiting, waiting.data(0, number=0, size=1), shutdown)
    while is_due(waiting):
        assert ChunkType.SHUTDOWN_ACK not in [packet[12] for packet in waiting.victim.take_packets()]
        events += next_slice(waiting)
    assert ChunkType.SHUTDOWN_ACK in [packet[12] for packet in waiting.victim.take_packets()]
    assert lengths(events) == [1, *range(1, WAITING + 1)]


def test_the_window_is_told_again_when_all_is_handed_out(waiting: Liar) -> None:
    receive(waiting, waiting.data(0, number=0, size=1))
    windows = []
    while True:
        for packet in waiting.victim.take_packets():
            assert packet[12] == ChunkType.SACK
            windows.append(int.from_bytes(packet[20:24], "big"))
        if not is_due(waiting):
            break
        next_slice(waiting)
    assert windows[0] < windows[-1] == 1 << 20
