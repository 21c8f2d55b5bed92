"""What all connections together may have of a turn of the event loop: so many frames, and so long."""

from __future__ import annotations

import asyncio
import random

import pytest

from miso.protoo.pacing.turns import FRAMES_AT_ONCE, FRAMES_PER_TURN, TURN_S, Turns


class Clock:
    """Stands, but for what work takes."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Flood:
    """So many frames, each of which takes so long."""

    def __init__(self, clock: Clock, frames: int, frame_s: float) -> None:
        self._clock = clock
        self._frame_s = frame_s
        self.left = frames

    @property
    def waiting(self) -> bool:
        return self.left > 0

    def work(self, frames: int) -> int:
        assert 0 < frames <= FRAMES_AT_ONCE
        done = min(frames, self.left)
        self.left -= done
        self._clock.now_s += done * self._frame_s
        return done


async def turns_of(floods: list[Flood], clock: Clock) -> list[tuple[int, float]]:
    """How many frames each turn of the event loop has handled, and how long that took, until none is left."""
    turns = Turns(asyncio.get_running_loop(), clock)
    result = []
    left, now_s = sum(flood.left for flood in floods), clock.now_s
    for flood in floods:
        turns.serve(flood)
    while left:
        await asyncio.sleep(0)
        now_left = sum(flood.left for flood in floods)
        result.append((left - now_left, clock.now_s - now_s))
        left, now_s = now_left, clock.now_s
    return result


async def test_cheap_frames_are_handled_by_number() -> None:
    clock = Clock()
    result = await turns_of([Flood(clock, 1_000, 1e-6) for _ in range(3)], clock)
    assert max(frames for frames, _ in result[1:]) == FRAMES_PER_TURN
    assert result[0][0] <= 2 * FRAMES_PER_TURN  # those who come are served, and then a turn begins


@pytest.mark.parametrize("frame_s", [TURN_S / 50, TURN_S, 10 * TURN_S])
async def test_dear_frames_end_a_turn_by_the_time_that_they_take(frame_s: float) -> None:
    clock = Clock()
    floods = [Flood(clock, random.Random(number).randrange(1, 200), frame_s) for number in range(5)]
    at_once_s = FRAMES_AT_ONCE * frame_s
    for frames, took_s in (await turns_of(floods, clock))[1:]:
        assert frames > 0, "each turn goes on"
        assert took_s < TURN_S + at_once_s + 1e-9


async def test_who_comes_while_another_takes_long_has_its_turn_after_one_of_his() -> None:
    clock = Clock()
    turns = Turns(asyncio.get_running_loop(), clock)
    slow, honest = Flood(clock, 10_000, TURN_S), Flood(clock, 1, 1e-6)
    turns.serve(slow)
    turns.serve(honest)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not honest.waiting
    slow.left = 0
