"""Timestamps of a forwarded stream."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st


def test_timestamps_pass_until_a_switch(load) -> None:
    mapper = load("worker.rtp.timestamps").TimestampMapper(90000)
    mapper.sync(777, 5)
    assert mapper.map(777, 10) == 777
    assert mapper.map(3777, 33_343) == 3777
    assert mapper.offset() == 0


def test_switch_goes_on_at_the_clock_rate(load) -> None:
    mapper = load("worker.rtp.timestamps").TimestampMapper(90000)
    mapper.map(0xFFFFFFF0, 1_000_000)
    mapper.sync(123, 1_100_000)
    assert mapper.map(123, 1_100_000) == (0xFFFFFFF0 + 9000) & 0xFFFFFFFF
    assert mapper.map(123 + 3000, 1_133_333) == (0xFFFFFFF0 + 12000) & 0xFFFFFFFF


def test_switch_within_a_tick_still_goes_forward(load) -> None:
    mapper = load("worker.rtp.timestamps").TimestampMapper(8000)
    mapper.map(100, 1_000_000)
    mapper.sync(5, 999_000)
    assert mapper.map(5, 1_000_000) == 101


def test_tells_the_timestamp_of_now(load) -> None:
    mapper = load("worker.rtp.timestamps").TimestampMapper(48000)
    mapper.map(960, 2_000_000)
    mapper.map(0, 2_020_000)  # late: the clock stays with the newest
    assert mapper.at(2_500_000) == 960 + 24000
    assert mapper.at(1_000_000) == 960


@given(st.lists(st.tuples(st.integers(0, 0xFFFFFFFF), st.integers(1, 3_000_000)), max_size=30))
def test_every_switch_goes_forward(load, switches) -> None:
    mapper = load("worker.rtp.timestamps").TimestampMapper(90000)
    now_us = 0
    last = mapper.map(0xFFFF0000, now_us)
    for next_input, pause_us in switches:
        now_us += pause_us
        mapper.sync(next_input, now_us)
        output = mapper.map(next_input, now_us)
        assert 0 < ((output - last) & 0xFFFFFFFF) <= max(1, pause_us * 9 // 100)
        last = output
