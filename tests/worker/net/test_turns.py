"""Work that can wait takes its turns on a real event loop; only the clock is ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
import uvloop

from miso.worker.faults import faults
from miso.worker.net.turns import TURN_BUDGET_NS, Turns


class Clock:
    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    loop = request.param()
    yield loop
    loop.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def turns_taken(loop: asyncio.AbstractEventLoop, said: list[str], count: int) -> list[list[str]]:
    """What was said in each of so many turns of the loop."""
    result: list[list[str]] = []

    def take() -> None:
        result.append(said.copy())
        said.clear()
        if len(result) < count:
            loop.call_soon(take)
        else:
            loop.stop()

    loop.call_soon(take)
    loop.run_forever()
    return result


def worker(clock: Clock, said: list[str], name: str, *, lasts_ns: int, times: int = 1) -> Callable[[], bool]:
    left = times

    def work() -> bool:
        nonlocal left
        left -= 1
        said.append(name)
        clock.now_ns += lasts_ns
        return left > 0

    return work


def test_what_is_short_is_done_in_one_turn(loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
    turns, said = Turns(loop, clock), list[str]()
    for name in "abc":
        turns.add(worker(clock, said, name, lasts_ns=TURN_BUDGET_NS // 4))
    assert said == []
    assert turns_taken(loop, said, 2) == [["a", "b", "c"], []]


def test_the_rest_waits_for_the_next_turn(loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
    turns, said = Turns(loop, clock), list[str]()
    for name in "abcd":
        turns.add(worker(clock, said, name, lasts_ns=TURN_BUDGET_NS // 2))
    assert turns_taken(loop, said, 3) == [["a", "b"], ["c", "d"], []]


def test_who_is_not_done_comes_again_after_the_others(loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
    turns, said = Turns(loop, clock), list[str]()
    turns.add(worker(clock, said, "a", lasts_ns=TURN_BUDGET_NS, times=3))
    turns.add(worker(clock, said, "b", lasts_ns=0))
    assert turns_taken(loop, said, 4) == [["a"], ["b", "a"], ["a"], []]


def test_a_fault_costs_one_piece_of_work(loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
    turns, said = Turns(loop, clock), list[str]()
    before = faults.count

    def fail() -> None:
        raise ZeroDivisionError

    turns.add(fail)
    turns.add(worker(clock, said, "a", lasts_ns=0))
    assert turns_taken(loop, said, 2) == [["a"], []]
    assert faults.count == before + 1
