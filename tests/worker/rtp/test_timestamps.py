"""Timestamps of a forwarded stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st


def test_timestamps_pass_until_a_switch(load) -> None:
    mapper = load("miso.worker.rtp.timestamps").TimestampMapper(90000)
    mapper.sync(777, 5)
    assert mapper.map(777, 10) == 777
    assert mapper.map(3777, 33_343) == 3777
    assert mapper.offset() == 0


def test_switch_goes_on_at_the_clock_rate(load) -> None:
    mapper = load("miso.worker.rtp.timestamps").TimestampMapper(90000)
    mapper.map(0xFFFFFFF0, 1_000_000)
    mapper.sync(123, 1_100_000)
    assert mapper.map(123, 1_100_000) == (0xFFFFFFF0 + 9000) & 0xFFFFFFFF
    assert mapper.map(123 + 3000, 1_133_333) == (0xFFFFFFF0 + 12000) & 0xFFFFFFFF


def test_switch_within_a_tick_still_goes_forward(load) -> None:
    mapper = load("miso.worker.rtp.timestamps").TimestampMapper(8000)
    mapper.map(100, 1_000_000)
    mapper.sync(5, 999_000)
    assert mapper.map(5, 1_000_000) == 101


def test_a_pause_lasts_as_long_as_the_sender_says(load) -> None:
    mapper = load("miso.worker.rtp.timestamps").TimestampMapper(90000)
    mapper.map(1000, 1_000_000)
    mapper.sync(500, 1_100_000)
    assert mapper.map(500, 1_100_000) == 10_000
    mapper.resume(45_500, 1_500_000)  # 500 ms by the sender's clock, of which 100 ms were spent on the way
    assert mapper.map(45_500, 1_500_000) == 55_000


@pytest.mark.parametrize("restarted_at", [500, 45_500 - 1, 45_500 + 20 * 90_000, 0x80000000])
def test_a_sender_that_begins_anew_after_a_pause_goes_on_with_the_time(load, restarted_at) -> None:
    mapper = load("miso.worker.rtp.timestamps").TimestampMapper(90000)
    mapper.map(45_500, 1_000_000)
    mapper.resume(restarted_at, 2_000_000)
    assert mapper.map(restarted_at, 2_000_000) == 45_500 + 90_000


def test_tells_the_timestamp_of_now(load) -> None:
    mapper = load("miso.worker.rtp.timestamps").TimestampMapper(48000)
    mapper.map(960, 2_000_000)
    mapper.map(0, 2_020_000)  # late: the clock stays with the newest
    assert mapper.at(2_500_000) == 960 + 24000
    assert mapper.at(1_000_000) == 960


@given(st.lists(st.tuples(st.integers(0, 0xFFFFFFFF), st.integers(1, 3_000_000)), max_size=30))
def test_every_switch_goes_forward(load, switches) -> None:
    mapper = load("miso.worker.rtp.timestamps").TimestampMapper(90000)
    now_us = 0
    last = mapper.map(0xFFFF0000, now_us)
    for next_input, pause_us in switches:
        now_us += pause_us
        mapper.sync(next_input, now_us)
        output = mapper.map(next_input, now_us)
        assert 0 < ((output - last) & 0xFFFFFFFF) <= max(1, pause_us * 9 // 100)
        last = output


def test_offset_of_two_clocks_comes_from_their_reports(load) -> None:
    clock_offset = load("miso.worker.rtp.timestamps").clock_offset
    second = 1 << 32
    # the same moment
    assert clock_offset(5 * second, 1000, 5 * second, 400, 90000) == 600
    assert clock_offset(5 * second, 400, 5 * second, 1000, 90000) == (-600) & 0xFFFFFFFF
    # a report half a second later, and one 7 hours earlier
    assert clock_offset(5 * second + second // 2, 46_000, 5 * second, 400, 90000) == 600
    hours = 7 * 3600
    assert clock_offset(5 * second, 1000, (5 + hours) * second, 400 + hours * 90000, 90000) == 600
    assert clock_offset(5 * second, (600 - hours * 90000) & 0xFFFFFFFF, (5 + hours) * second, 0, 90000) == 600


def test_other_stream_is_put_in_line(load) -> None:
    mapper = load("miso.worker.rtp.timestamps").TimestampMapper(90000)
    assert mapper.switch(1000, 0)
    assert mapper.map(1000, 0) == 1000
    assert mapper.switch(0xFFFFFF00, (0xFFFFFF00 - 4000) & 0xFFFFFFFF)
    assert mapper.map(0xFFFFFF00, 33_000) == 4000
    assert mapper.map(0xFFFFFF00 + 3000 - (1 << 32), 66_000) == 7000


def test_other_stream_never_goes_back_in_time(load) -> None:
    mapper = load("miso.worker.rtp.timestamps").TimestampMapper(90000)
    mapper.map(9000, 0)
    assert mapper.switch(9000, 0)
    assert mapper.map(9000, 0) == 9090  # the same picture in another size
    assert mapper.switch(3000, 0)
    assert mapper.map(3000, 0) == 9180
    assert not mapper.switch(1000, 0)  # 90 ms of delay would be added
    assert mapper.map(3090, 0) == 9270
    assert mapper.switch(1200, 0)
    assert mapper.map(1200, 0) == 9360
    assert mapper.switch(12_000, 0)
    assert mapper.map(12_000, 0) == 12_000  # in line again
    assert not mapper.switch(0, 0)
