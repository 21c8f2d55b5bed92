"""Which packets are asked for, when, and when not any more."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

MS = 1000


@pytest.fixture
def nack(load):
    return load("miso.worker.rtp.nack").NackGenerator()


def test_gap_is_asked_for_after_10_ms(nack) -> None:
    assert nack.on_packet(65534, False, False, 0) == 0
    assert nack.on_packet(2, False, False, 0) == 2
    assert nack.on_packet(4, False, False, 5 * MS) == 2
    assert nack.poll(9 * MS) == []
    assert nack.poll(10 * MS) == [65535, 0, 1]
    assert nack.poll(15 * MS) == [3]
    assert nack.poll(16 * MS) == []
    assert nack.missing == 4


def test_what_was_only_overtaken_is_not_asked_for(nack) -> None:
    nack.on_packet(1, False, False, 0)
    nack.on_packet(3, False, False, 0)
    assert nack.on_packet(2, False, False, 9 * MS) == 0
    assert nack.missing == 0
    assert nack.poll(1000 * MS) == []


def test_stream_without_gap_asks_for_nothing(nack) -> None:
    for number in range(70000):
        assert nack.on_packet(number & 0xFFFF, False, False, 0) == 0
    assert nack.poll(10**9) == []


def test_asks_again_every_round_trip_ten_times_in_all(nack) -> None:
    nack.rtt_us = 50 * MS
    nack.on_packet(1, False, False, 0)
    nack.on_packet(3, False, False, 0)
    asked = []
    for now_us in range(0, 2000 * MS, 10 * MS):
        if nack.poll(now_us) == [2]:
            asked.append(now_us)
    assert asked == [10 * MS + index * 60 * MS for index in range(10)]  # a little more than the round trip
    assert nack.missing == 0
    assert nack.key_frame_needed


def test_unknown_round_trip_counts_as_100_ms(nack) -> None:
    nack.on_packet(1, False, False, 0)
    nack.on_packet(3, False, False, 0)
    assert nack.poll(10 * MS) == [2]
    assert nack.poll(109 * MS) == []
    assert nack.poll(110 * MS) == [2]


def test_packet_that_comes_late_is_not_asked_for_again(nack) -> None:
    nack.on_packet(1, False, False, 0)
    nack.on_packet(4, False, False, 0)
    nack.poll(10 * MS)
    assert nack.on_packet(2, False, False, 11 * MS) == 1
    assert nack.on_packet(2, False, False, 11 * MS) == 0
    assert nack.poll(200 * MS) == [3]


def test_late_packet_before_anyone_asked_is_no_repair(nack) -> None:
    nack.on_packet(1, False, False, 0)
    nack.on_packet(3, False, False, 0)
    assert nack.on_packet(2, False, False, 0) == 0
    assert nack.poll(10 * MS) == []


def test_packet_recovered_by_rtx_is_a_repair(nack) -> None:
    nack.on_packet(1, False, False, 0)
    nack.on_packet(3, False, False, 0)
    nack.poll(10 * MS)
    assert nack.on_packet(2, False, True, 11 * MS) == 1
    assert nack.missing == 0


def test_rtx_that_overtakes_the_stream_is_not_asked_for_later(nack) -> None:
    nack.on_packet(1, False, False, 0)
    assert nack.on_packet(3, False, True, 0) == 0
    assert nack.on_packet(4, False, False, 0) == 2
    assert nack.poll(10 * MS) == [2]


def test_too_long_a_list_is_cut_at_the_last_key_frame(nack) -> None:
    nack.on_packet(0, False, False, 0)
    nack.on_packet(600, True, False, 0)
    nack.poll(10 * MS)
    assert nack.on_packet(1200, False, False, 11 * MS) == 2
    assert nack.poll(21 * MS) == list(range(601, 1200))
    assert nack.missing == 599


def test_too_long_a_list_without_key_frame_demands_one(nack) -> None:
    nack.on_packet(0, False, False, 0)
    nack.on_packet(600, False, False, 0)
    assert nack.on_packet(1200, False, False, 0) == 4
    assert nack.key_frame_needed
    assert nack.missing == 0
    assert nack.poll(10**9) == []


def test_jump_of_more_than_the_list_holds_demands_a_key_frame(nack) -> None:
    nack.on_packet(0, False, False, 0)
    assert nack.on_packet(1002, False, False, 0) == 4
    assert nack.on_packet(1003, False, False, 0) == 0


def test_packet_given_up_before_a_key_frame_needs_no_other(nack) -> None:
    nack.on_packet(1, False, False, 0)
    nack.on_packet(3, False, False, 0)
    nack.on_packet(4, True, False, 0)
    for now_us in range(0, 3000 * MS, 100 * MS):
        nack.poll(now_us)
    assert nack.missing == 0
    assert not nack.key_frame_needed


def test_reset_forgets_what_was_missing(nack) -> None:
    nack.on_packet(1, False, False, 0)
    nack.on_packet(9, False, False, 0)
    nack.reset()
    assert nack.poll(10**9) == []
    assert nack.on_packet(100, False, False, 0) == 0


def test_nothing_that_happens_makes_the_list_grow_beyond_its_bound(nack) -> None:
    random_ = random.Random(7)
    number = 0
    for step in range(20_000):
        number += random_.choice((1, 1, 2, 3, 40, 300))
        late = random_.random() < 0.4
        sent = number - random_.randrange(1, 900) if late else number
        nack.on_packet(sent & 0xFFFF, random_.random() < 0.01, random_.random() < 0.1, step * MS)
        asked = nack.poll(step * MS) if step % 10 == 0 else []
        assert len(asked) <= 1000
        assert 0 <= nack.missing <= 1000


@given(st.lists(st.booleans(), min_size=2, max_size=300), st.integers(0, 65535))
def test_asks_for_exactly_what_is_missing(load, came, start) -> None:
    nack = load("miso.worker.rtp.nack").NackGenerator()
    nack.on_packet(start, False, False, 0)
    last = 0
    for index, present in enumerate(came, 1):
        if present:
            last = index
            nack.on_packet((start + index) & 0xFFFF, False, False, 0)
    missing = [(start + index) & 0xFFFF for index, present in enumerate(came, 1) if not present and index < last]
    assert nack.missing == len(missing)
    assert nack.poll(10 * MS) == missing
    assert nack.poll(110 * MS) == missing


@pytest.mark.parametrize("loss", [0.02, 0.1, 0.3])
def test_lossy_path_is_repaired(load, loss: float) -> None:
    """A sender that answers each request after a round trip, over a path that loses packets and answers alike."""
    nack = load("miso.worker.rtp.nack").NackGenerator()
    nack.rtt_us = 60 * MS
    random_ = random.Random(42)
    received = {0}
    in_flight: list[tuple[int, int]] = []
    nack.on_packet(0, False, False, 0)
    for number in range(1, 3000):
        now_us = number * 4 * MS
        arrived = [packet for at_us, packet in in_flight if at_us <= now_us]
        in_flight = [entry for entry in in_flight if entry[0] > now_us]
        for packet in arrived:
            nack.on_packet(packet & 0xFFFF, False, True, now_us)
            received.add(packet)
        asked: list[int] = []
        if number < 2500 and random_.random() >= loss:
            received.add(number)
            nack.on_packet(number & 0xFFFF, False, False, now_us)
        if number % 5 == 0:
            asked += nack.poll(now_us)
        in_flight += [(now_us + 60 * MS, packet) for packet in asked if random_.random() >= loss]
    last = max(received)
    unrepaired = [number for number in range(last) if number not in received]
    assert len(unrepaired) <= last * loss**10 + 1
