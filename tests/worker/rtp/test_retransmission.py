"""The index of sent packets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

MS = 1000


@pytest.fixture
def index(load):
    return load("miso.worker.rtp.retransmission").RetransmissionIndex()


def test_finds_what_was_sent(index) -> None:
    index.put(65535, 60_000, 7, 0xFFFFFFFF, 123_456_789, 0, 65_000)
    assert index.take(65535, 123_466_789, 5 * MS) == 1
    assert (index.slot, index.generation, index.timestamp_offset, index.resent_count) == (
        60_000,
        7,
        0xFFFFFFFF,
        1,
    )
    assert (index.transport_wide_number, index.is_sent) == (65_000, True)
    assert index.abs_send_time == (123_456_789 << 18) // 1_000_000 & 0xFFFFFF


def test_what_was_kept_back_has_its_header_when_it_goes_out(index) -> None:
    index.put(7, 3, 7, 0, 0, 0, 0, False)
    assert index.take(7, 500 * MS, 5 * MS) == 1
    assert not index.is_sent
    index.set_sent(7, 65_535, 500 * MS)
    assert index.take(7, 1000 * MS, 5 * MS) == 1
    assert (index.is_sent, index.slot, index.transport_wide_number, index.abs_send_time) == (True, 3, 65_535, 1 << 17)


def test_knows_nothing_it_was_not_given(index) -> None:
    assert index.take(0, 0, 0) == 0
    index.put(64, 1, 1, 0, 0)
    assert index.take(0, 0, 0) == 0
    assert index.take(65, 0, 0) == 0


def test_second_request_within_the_round_trip_is_refused(index) -> None:
    index.put(1, 1, 1, 0, 0)
    assert index.take(1, 50 * MS, 40 * MS) == 1
    assert index.take(1, 90 * MS, 40 * MS) == 2
    assert index.take(1, 91 * MS, 40 * MS) == 1
    assert index.resent_count == 2


def test_packet_older_than_two_seconds_is_gone(index) -> None:
    index.put(1, 1, 1, 0, 0)
    index.put(2, 2, 1, 0, 1 * MS)
    assert index.take(1, 2001 * MS, 0) == 0
    assert index.take(2, 2001 * MS, 0) == 1


def test_fast_stream_keeps_two_seconds(index) -> None:
    for number in range(3000):
        index.put(number, number, 0, 0, number * 2 * MS)
    now_us = 2999 * 2 * MS
    assert [index.take(number, now_us, 0) for number in (1998, 1999, 2500, 2999)] == [0, 1, 1, 1]
    assert index.slot == 2999


def test_faster_stream_keeps_what_the_bound_allows(load) -> None:
    index = load("miso.worker.rtp.retransmission").RetransmissionIndex(256)
    for number in range(3000):
        index.put(number, number, 0, 0, number * MS)
    assert index.take(2999 - 255, 2999 * MS, 0) == 1
    assert index.take(2999 - 256, 2999 * MS, 0) == 0


def test_number_used_again_is_the_new_packet(index) -> None:
    index.put(1, 1, 1, 0, 0)
    assert index.take(1, 1, 0) == 1
    index.put(1, 2, 1, 0, 5 * MS)
    assert index.take(1, 5 * MS, 100 * MS) == 1
    assert (index.slot, index.resent_count) == (2, 1)


def test_clear_forgets_everything(index) -> None:
    index.put(1, 1, 1, 0, 0)
    index.clear()
    assert index.take(1, 0, 0) == 0
    index.put(1, 1, 1, 0, 0)
    assert index.take(1, 0, 0) == 1


@pytest.mark.parametrize("size", [0, 32, 65, 1000, 32768])
def test_bound_must_be_a_power_of_two(load, size: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        load("miso.worker.rtp.retransmission").RetransmissionIndex(size)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 30)), max_size=300), st.integers(0, 65535))
def test_everything_younger_than_two_seconds_is_found(load, steps, start) -> None:
    index = load("miso.worker.rtp.retransmission").RetransmissionIndex(1024)
    sent: dict[int, int] = {}
    number, now_ms = start, 0
    for gap, pause_ms in steps:
        number += gap
        now_ms += pause_ms
        index.put(number & 0xFFFF, 0, number, 0, now_ms * MS)
        sent[number] = now_ms
    for packet, at_ms in sent.items():
        found = index.take(packet & 0xFFFF, now_ms * MS, 0)
        assert found == (1 if now_ms - at_ms <= 2000 else 0)
        if found:
            assert index.generation == packet
