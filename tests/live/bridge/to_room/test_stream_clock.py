"""Which time of a stream is now: by its earliest packets."""

from __future__ import annotations

import random

import pytest

from miso.live.bridge.to_room.stream_clock import WINDOW_S, StreamClock

BEGIN_S = 1_800_000_000.0
WAY_S = 0.02


def test_time_goes_on_where_packets_came() -> None:
    clock = StreamClock()
    clock.came(5_000, BEGIN_S)
    assert clock.time_ms(BEGIN_S) == 5_000
    assert clock.time_ms(BEGIN_S + 0.25) == 5_250


def test_what_comes_late_repeated_or_in_another_order_moves_nothing() -> None:
    clock, chance = StreamClock(), random.Random(1)
    sent = [(40 * number, BEGIN_S + 0.04 * number + WAY_S) for number in range(5_000)]
    came = [
        (time_ms, at_s + chance.expovariate(10) * (number % 5 > 0))
        for number, (time_ms, at_s) in enumerate(sent)
        for _ in range(chance.choice((0, 1, 1, 2)))
    ]
    for number, (time_ms, at_s) in enumerate(sorted(came, key=lambda one: one[1])):
        clock.came(time_ms, at_s)
        if number > 50:
            assert clock.time_ms(at_s) == pytest.approx(1_000 * (at_s - BEGIN_S - WAY_S), abs=1)


def test_a_clock_that_goes_wrong_is_followed() -> None:
    for drift in (1 + 1e-4, 1 - 1e-4):
        clock = StreamClock()
        for number in range(60 * 50):
            at_s = BEGIN_S + 0.02 * number
            clock.came(round(20 * number * drift), at_s)
            assert abs(clock.time_ms(at_s) - 20 * number * drift) <= 1 + 1_000 * WINDOW_S * 1e-4


@pytest.mark.parametrize("jump_s", [-3_600.0, -1.5, 1.5, 3_600.0])
def test_a_jump_of_either_clock_is_forgotten(jump_s: float) -> None:
    of_host, of_stream = StreamClock(), StreamClock()
    for number in range(100):
        of_host.came(20 * number, BEGIN_S + 0.02 * number)
        of_stream.came(20 * number, BEGIN_S + 0.02 * number)
    for number in range(100, 100 + 50 * (WINDOW_S + 1)):
        of_host.came(20 * number, BEGIN_S + 0.02 * number + jump_s)
        of_stream.came(round(20 * number + 1_000 * jump_s), BEGIN_S + 0.02 * number)
    end_s = 0.02 * number
    assert of_host.time_ms(BEGIN_S + end_s + jump_s) == pytest.approx(1_000 * end_s, abs=1)
    assert of_stream.time_ms(BEGIN_S + end_s) == pytest.approx(1_000 * (end_s + jump_s), abs=1)


def test_it_holds_no_more_than_its_window() -> None:
    clock = StreamClock()
    for number in range(10_000):
        clock.came(0, BEGIN_S + 0.1 * number)
    assert len(clock._earliest) <= WINDOW_S
