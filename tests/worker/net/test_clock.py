"""The worker's timers on a real event loop."""

from __future__ import annotations

import asyncio

import pytest
import uvloop

from worker.net.clock import LoopScheduler

DELAYS_US = [200, 400, 600, 900, 1400, 1500, 2600, 7100, 7499, 12_345]


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_timer_is_never_early(new_loop) -> None:
    loop = new_loop()
    scheduler = LoopScheduler(loop)
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
