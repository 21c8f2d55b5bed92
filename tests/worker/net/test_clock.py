"""The worker's timers on a real event loop."""

from __future__ import annotations

import asyncio
import time

import pytest
import uvloop

from miso.worker.net.clock import LoopScheduler
from miso.worker.net.loop_delay import LoopDelay
from miso.worker.net.turns import Turns

DELAYS_US = [200, 400, 600, 900, 1400, 1500, 2600, 7100, 7499, 12_345]


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_timer_is_never_early(new_loop) -> None:
    loop = new_loop()
    scheduler = LoopScheduler(loop, Turns(loop), LoopDelay())
    early: list[int] = []
    waiting = set(DELAYS_US)

    def begin(delay_us: int) -> None:
        due_us = scheduler.now_us() + delay_us

        def ring() -> None:
            early.append(max(due_us - scheduler.now_us(), 0))
            waiting.discard(delay_us)
            if not waiting:
                loop.stop()

        scheduler.call_later(delay_us, ring)

    for delay_us in DELAYS_US:
        loop.call_soon(begin, delay_us)
    loop.run_forever()
    loop.close()
    assert early == [0] * len(DELAYS_US)


class HastyLoop(asyncio.SelectorEventLoop):
    """Rings each timer when half of its time is over; counts how often it was asked to ring."""

    asked = 0

    def call_later(self, delay, callback, *args, context=None):  # type: ignore[override]
        self.asked += 1
        return super().call_later(delay / 2, callback, *args, context=context)


def test_a_loop_that_rings_early_is_asked_again() -> None:
    loop = HastyLoop()
    scheduler = LoopScheduler(loop, Turns(loop), LoopDelay())
    due_us = scheduler.now_us() + 20_000
    rung_us: list[int] = []

    def ring() -> None:
        rung_us.append(scheduler.now_us())
        loop.call_soon(loop.stop)

    scheduler.call_later(20_000, ring)
    loop.run_forever()
    loop.close()
    assert len(rung_us) == 1
    assert rung_us[0] >= due_us


def test_a_timer_that_waits_for_its_rest_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that stands until then: a machine with much else to do may take longer than the timer."""
    loop = HastyLoop()
    scheduler = LoopScheduler(loop, Turns(loop), LoopDelay())
    now_us = 0
    monkeypatch.setattr(scheduler, "now_us", lambda: now_us)
    rung: list[str] = []

    def ring() -> None:
        rung.append("cancelled")
        loop.stop()

    timer = scheduler.call_later(40_000, ring)

    def cancel_when_it_was_early() -> None:
        nonlocal now_us
        if loop.asked < 2:
            loop.call_soon(cancel_when_it_was_early)
            return
        timer.cancel()
        now_us = 1_000_000
        scheduler.ring_later(100_000, loop.stop)

    loop.call_soon(cancel_when_it_was_early)
    loop.run_forever()
    loop.close()
    assert rung == []


def test_the_wall_clock_is_told_as_seconds_since_1900_and_their_parts() -> None:
    loop = asyncio.new_event_loop()
    scheduler = LoopScheduler(loop, Turns(loop), LoopDelay())
    before, ntp, after = time.time(), scheduler.ntp_now(), time.time()
    assert before - 1e-6 <= ntp / (1 << 32) - 2_208_988_800 <= after + 1e-6
    loop.close()
