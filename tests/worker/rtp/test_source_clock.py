"""A source's timestamps go on, whatever its clock does."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

MODULO = 1 << 32


class Source:
    """Sends pictures 40 ms apart; ``shift`` is how much its clock was set forward in all."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.number = 65_500
        self.shift = 0
        self.now_us = 5_000_000

    def timestamp(self, number: int) -> int:
        return (number * 3600 + self.shift) % MODULO

    def send(self, pictures: int = 1) -> list[int]:
        lines = []
        for _ in range(pictures):
            self.number += 1
            self.now_us += 40_000
            lines.append(self.arrive(self.number))
        return lines

    def arrive(self, number: int, *, newest: bool = True) -> int:
        return int(self.clock.follow(number % 65536, self.timestamp(number), newest, True, self.now_us))


@pytest.fixture
def make(load):
    return load("miso.worker.rtp.source_clock").SourceClock


def steps(lines: list[int]) -> list[int]:
    return [(after - before) % MODULO for before, after in itertools.pairwise(lines)]


def test_timestamps_pass_as_they_are_while_the_clock_runs_on(make) -> None:
    source = Source(make(90000))
    source.shift = 0xFFFFF000 - 65_500 * 3600  # the wrap comes by
    assert source.send(10) == [source.timestamp(number) for number in range(65_501, 65_511)]


@pytest.mark.parametrize("shift_s", [-0.1, -0.5, -2, -60, -20_000, 4, 12, 60, 3600, 20_000])
def test_a_clock_that_was_set_is_followed_at_the_pace_of_time(make, shift_s) -> None:
    source = Source(make(90000))
    lines = source.send(10)
    source.shift += int(shift_s * 90000)
    lines += source.send(10)
    assert steps(lines) == [3600] * 19


@pytest.mark.parametrize("shift_s", [0.5, 2.5])
def test_a_step_forward_that_time_allows_for_is_the_senders(make, shift_s) -> None:
    source = Source(make(90000))
    lines = source.send(2)
    source.shift += int(shift_s * 90000)
    lines += source.send()
    assert steps(lines)[-1] == 3600 + shift_s * 90000


def test_a_pause_of_an_hour_is_no_new_clock(make) -> None:
    source = Source(make(90000))
    lines = source.send(2)
    source.now_us += 3_600_000_000
    source.shift += 3600 * 90000
    lines += source.send()
    assert steps(lines)[-1] == 3600 + 3600 * 90000


def test_a_clock_that_stood_still_in_a_pause_is_noticed(make) -> None:
    source = Source(make(90000))
    source.send(5)
    source.now_us += 900_000  # a packet may wait
    source.send(5)
    source.now_us += 60_000_000
    source.shift += 60 * 90000
    source.send(5)
    assert source.clock.stops == 0
    source.now_us += 3_000_000
    source.send(5)
    assert source.clock.stops == 1


def test_after_a_pause_beyond_half_the_clocks_range_nobody_is_led_back(make) -> None:
    source = Source(make(90000))
    lines = source.send(2)
    source.now_us += 30_000 * 1_000_000
    source.shift += 30_000 * 90000
    lines += source.send(2)
    assert 0 < steps(lines)[1] < MODULO // 2
    assert steps(lines)[2] == 3600


def test_a_picture_of_many_packets_has_one_timestamp_on_both_sides_of_the_step(make) -> None:
    source = Source(make(90000))
    source.send(5)
    source.shift -= 900_000
    first = source.send()[0]
    assert [source.clock.follow(number, source.timestamp(source.number), True, False, 0) for number in (7, 8)] == [
        first,
        first,
    ]


def test_what_was_overtaken_keeps_its_own_clock(make) -> None:
    source = Source(make(90000))
    before = source.send(3)
    late = source.number + 1
    late_timestamp = source.timestamp(late)
    source.number += 1
    source.shift -= 900_000
    after = source.send(2)
    line = source.clock.follow(late % 65536, late_timestamp, False, True, source.now_us)
    assert before[-1] + 3600 == line
    assert after[0] > line - 3600
    assert source.arrive(source.number, newest=False) == after[-1]


@pytest.mark.parametrize("shift_s", [-0.5, -60, -20_000, 5, 20_000])
def test_packets_around_the_step_may_come_in_any_order(make, shift_s) -> None:
    source = Source(make(90000))
    source.send(10)
    now_us, last = source.now_us, source.number
    expected = {number: source.clock.newest + 3600 * (number - last) for number in range(last + 1, last + 7)}
    old = {number: source.timestamp(number) for number in range(last + 1, last + 4)}
    source.shift += int(shift_s * 90000)
    timestamps = old | {number: source.timestamp(number) for number in range(last + 4, last + 7)}
    newest = last
    for number in (last + 5, last + 2, last + 4, last + 1, last + 6, last + 3):
        now_us += 1
        is_newest, newest = number > newest, max(newest, number)
        line = source.clock.follow(number % 65536, timestamps[number], is_newest, True, now_us)
        assert abs(line - expected[number]) <= 5 * 3600


def test_pictures_in_another_order_than_shown_are_no_new_clock(make) -> None:
    clock = make(90000, True)
    shown = [0, 3, 1, 2, 6, 4, 5]
    lines = [clock.follow(index, 3600 * place, True, index == 0, index * 40_000) for index, place in enumerate(shown)]
    assert lines == [3600 * place for place in shown]


def test_a_short_loop_of_such_pictures_is_known_by_its_key_frame(make) -> None:
    clock = make(90000, True)
    for index in range(10):
        clock.follow(index, 3600 * index, True, index == 0, index * 40_000)
    assert clock.follow(10, 0, True, True, 400_000) == 36_000
    assert clock.follow(11, 3600, True, False, 440_000) == 39_600


def test_a_report_is_of_the_clock_that_it_fits(make) -> None:
    source = Source(make(90000))
    lines = source.send(50)
    old = source.timestamp(source.number)
    assert source.clock.report(old, source.now_us) == lines[-1]
    source.shift -= 90_000_000
    lines += source.send(3)
    assert source.clock.report(source.timestamp(source.number), source.now_us) == lines[-1]
    assert source.clock.report(old, source.now_us) == lines[-4]  # it was on its way
    assert source.clock.report((old + 0x50000000) % MODULO, source.now_us) == -1


def test_reports_of_a_silent_sender_fit_whether_its_clock_runs_or_stands(make) -> None:
    source = Source(make(48000))
    last = source.send(3)[-1]
    later_us = source.now_us + 600_000_000
    assert source.clock.report(last, later_us) == last
    assert source.clock.report((last + 600 * 48000) % MODULO, later_us) == (last + 600 * 48000) % MODULO


@given(st.lists(st.tuples(st.integers(0, MODULO - 1), st.integers(1, 20)), max_size=20))
@example([(3600, 1), (0, 1)])
def test_whatever_the_clock_is_set_to_the_line_goes_forward(load, shifts) -> None:
    # A clock that is set back by just one picture gives the next one the same timestamp: then they are one.
    source = Source(load("miso.worker.rtp.source_clock").SourceClock(90000))
    sent, lines = [source.timestamp(source.number + 1)], source.send()
    for shift, pictures in shifts:
        source.shift = shift
        sent += [source.timestamp(source.number + 1 + after) for after in range(pictures)]
        lines += source.send(pictures)
    for step_sent, step in zip(steps(sent), steps(lines), strict=True):
        assert 0 < step <= 3600 + 3 * 90000 or step_sent == step == 0
