"""How long the event loop keeps waiting what is due."""

from __future__ import annotations

import asyncio
import time

import pytest
import uvloop

from miso.worker.clocks import monotonic_us
from miso.worker.net.loop_delay import BOUNDS_US, INTERVAL_US, NEVER_US, LoopDelay

SLOW = BOUNDS_US.index(20_000) + 1  # from there on more than 20 ms


def buckets(**counts: int) -> list[int]:
    """``at_2000=1``: one tick that waited no longer than 2000 µs, but longer than the bound before."""
    result = [0] * (len(BOUNDS_US) + 1)
    for name, count in counts.items():
        result[BOUNDS_US.index(int(name.removeprefix("at_")))] = count
    return result


def test_each_tick_counts_where_its_delay_belongs() -> None:
    delay = LoopDelay()
    for late_us in (-3, 0, 500, 501, 2000):
        delay.count(late_us, 1)
    assert delay.counts == buckets(at_500=3, at_1000=1, at_2000=1)
    assert delay.sum_us == 500 + 501 + 2000


def test_ticks_that_went_by_meanwhile_count_each_with_its_own_delay() -> None:
    delay = LoopDelay()
    delay.count(245_300, 3)
    assert delay.counts == buckets(at_500000=1, at_200000=1, at_50000=1)
    assert delay.sum_us == 245_300 + 145_300 + 45_300


def test_what_is_beyond_all_bounds_is_counted_last() -> None:
    delay = LoopDelay()
    delay.count(BOUNDS_US[-1] + 1, 1)
    assert delay.counts[-1] == sum(delay.counts) == 1


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_loop_that_is_held_up_is_found_out(new_loop) -> None:
    loop, delay = new_loop(), LoopDelay()
    loop.add_reader(delay.fileno, delay.on_tick)
    assert delay.counts == buckets()

    def hold_up() -> None:
        time.sleep(6 * INTERVAL_US / 1e6)
        loop.call_soon(loop.call_soon, loop.stop)  # the ticks are read before

    delay.start()
    loop.call_soon(hold_up)
    loop.run_forever()
    assert sum(delay.counts) >= 5
    assert sum(delay.counts[SLOW:]) >= 3
    delay.stop()
    before = delay.counts
    loop.call_later(3 * INTERVAL_US / 1e6, loop.stop)
    loop.run_forever()
    assert delay.counts == before
    loop.remove_reader(delay.fileno)
    loop.close()


@pytest.mark.parametrize("asks_first", [True, False])
def test_who_stood_still_for_more_than_a_second_knows_it(asks_first: bool) -> None:
    delay = LoopDelay()
    assert delay.stood_until_us() == NEVER_US
    begun_us = monotonic_us()
    delay.start()
    before_us = delay.stood_until_us()
    assert before_us == NEVER_US or monotonic_us() - begun_us > 1_000_000  # the machine itself has stood still
    time.sleep(1.3)
    asked_us = monotonic_us()
    if not asks_first:
        delay.on_tick()
        assert delay.counts[-1] > 0
    assert asked_us <= delay.stood_until_us() <= monotonic_us()
    delay.on_tick()
    ticked_us, known_us = monotonic_us(), delay.stood_until_us()
    time.sleep(0.2)
    delay.on_tick()
    assert delay.stood_until_us() == known_us or monotonic_us() - ticked_us > 1_000_000
    delay.stop()
    known_us = delay.stood_until_us()
    time.sleep(1.2)
    assert delay.stood_until_us() == known_us  # nobody ticks, nobody stands still
