"""Which time of a stream is now: by its earliest packets."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from miso.live.bridge.to_room.stream_clock import MOST_LATE_S, PATIENCE_S, RISE, StreamClock

BEGIN_S = 40_000.0
WAY_S = 0.02
EVERY_S = 0.02


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
            assert clock.time_ms(at_s) == pytest.approx(1_000 * (at_s - BEGIN_S - WAY_S), abs=10)


def test_what_comes_late_for_minutes_moves_it_slowly() -> None:
    clock = StreamClock()
    before_ms = 0.0
    for number in range(200 * 50):
        at_s = number * EVERY_S
        late_s = min(0.1 * at_s, 3) * (at_s < 150)
        clock.came(round(1_000 * (at_s - late_s)), BEGIN_S + at_s)
        off_ms = clock.time_ms(BEGIN_S + at_s) - 1_000 * at_s
        assert before_ms - 1_000 * RISE * EVERY_S - 1 <= off_ms
        assert off_ms <= before_ms + 1 or at_s >= 150, "at once when the way is free again"
        before_ms = off_ms
    assert abs(off_ms) <= 1


@pytest.mark.parametrize("drift", [1 + 1e-4, 1 - 1e-4])
def test_a_clock_that_goes_wrong_is_followed(drift: float) -> None:
    clock = StreamClock()
    for number in range(60 * 50):
        clock.came(round(1_000 * EVERY_S * number * drift), BEGIN_S + EVERY_S * number)
        assert abs(clock.time_ms(BEGIN_S + EVERY_S * number) - 1_000 * EVERY_S * number * drift) <= 1


def after_a_pause(pause_s: float, is_new: bool) -> list[float]:
    """How far the clock is from each packet, in ms, after so many seconds without any.

    Args:
        pause_s: How long.
        is_new: The stream was begun anew: its times go on where they stopped. Else what was late comes at once.
    """
    clock, off_ms = StreamClock(), []
    for number in range(500):
        clock.came(20 * number, BEGIN_S + EVERY_S * number)
    begin_s = BEGIN_S + 10 + pause_s
    if not is_new:
        for number in range(500, round((10 + pause_s) / EVERY_S)):
            clock.came(20 * number, begin_s)
    for number in range(3_000):
        time_ms, at_s = 10_000 + 20 * number + 1_000 * pause_s * (not is_new), begin_s + EVERY_S * number
        clock.came(round(time_ms), at_s)
        off_ms.append(clock.time_ms(at_s) - time_ms)
    return off_ms


@pytest.mark.parametrize("pause_s", [0.5, 3.0, 7.0])
def test_who_comes_again_soon_moves_it_slowly(pause_s: float) -> None:
    off_ms = after_a_pause(pause_s, is_new=True)
    assert off_ms[0] == pytest.approx(1_000 * pause_s * (1 - RISE), abs=1)
    assert max(before - after for before, after in pairwise(off_ms)) <= 1
    assert off_ms[0] - off_ms[-1] == pytest.approx(min(1_000 * pause_s * (1 - RISE), 1_000 * RISE * 60), abs=2)


@pytest.mark.parametrize("pause_s", [10.0, 300.0])
def test_who_comes_again_late_sets_it(pause_s: float) -> None:
    assert pause_s > MOST_LATE_S + PATIENCE_S
    assert all(abs(off_ms) <= 1 for off_ms in after_a_pause(pause_s, is_new=True))


@pytest.mark.parametrize("pause_s", [0.5, 3.0, 7.0, 10.0, 300.0])
def test_what_comes_late_at_once_does_not_move_it(pause_s: float) -> None:
    assert all(abs(off_ms) <= 1 for off_ms in after_a_pause(pause_s, is_new=False))


def test_a_leap_is_followed_and_left_again_slowly() -> None:
    clock = StreamClock()
    off_ms = []
    for number in range(60_000):
        clock.came(20 * number + 4_000 * (number == 100), BEGIN_S + EVERY_S * number)
        off_ms.append(clock.time_ms(BEGIN_S + EVERY_S * number) - 20 * number)
    assert off_ms[100] == 4_000
    assert max(before - after for after, before in zip(off_ms[101:], off_ms[100:], strict=False)) <= 1
    assert off_ms[-1] == pytest.approx(0, abs=1)


@pytest.mark.parametrize("behind_ms", [500, 7_000, 12_000])
def test_pictures_behind_their_sound_do_not_move_it(behind_ms: int) -> None:
    clock = StreamClock()
    for number in range(100, 1_000):
        clock.came(20 * number, BEGIN_S + EVERY_S * number)
        clock.came(20 * number - behind_ms, BEGIN_S + EVERY_S * number)
        assert clock.time_ms(BEGIN_S + EVERY_S * number) == pytest.approx(20 * number, abs=1)
