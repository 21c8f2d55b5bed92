"""Messages take their turns, in order, on a real event loop; only the clock is ours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from miso.worker.faults import faults
from miso.worker.net.inbox import Inbox
from miso.worker.net.turns import TURN_BUDGET_NS, Turns


class Work:
    """Messages say how many steps they take; each uses half of a turn's budget up."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.now_ns = 0
        self.said: list[str] = []
        self.inbox: Inbox[int] = Inbox(Turns(self.loop, lambda: self.now_ns), self.do)

    def do(self, steps: int) -> Iterator[None]:
        self.said.append(f"begin {steps}")
        for _ in range(steps):
            self.now_ns += TURN_BUDGET_NS // 2
            yield
        if steps == 13:
            raise ZeroDivisionError
        self.said.append(f"end {steps}")

    def hold(self) -> None:
        self.said.append("hold")

    def go_on(self) -> None:
        self.said.append("go on")

    def take_turns(self, count: int) -> list[str]:
        """What is said meanwhile, a bar between two turns of the loop."""
        left = count

        def take() -> None:
            nonlocal left
            left -= 1
            if left:
                self.said.append("|")
                self.loop.call_soon(take)
            else:
                self.loop.stop()

        self.loop.call_soon(take)
        self.loop.run_forever()
        return self.take()

    def take(self) -> list[str]:
        said = self.said.copy()
        self.said.clear()
        return said


@pytest.fixture
def work() -> Iterator[Work]:
    work = Work()
    yield work
    work.loop.close()


def test_what_is_short_is_done_at_once(work: Work) -> None:
    work.inbox.put([0, 1, 0], work)
    assert work.take() == ["begin 0", "end 0", "begin 1", "end 1", "begin 0", "end 0"]


def test_what_is_long_takes_turns_and_nothing_passes_it(work: Work) -> None:
    work.inbox.put([4, 1, 0], work)
    assert work.take() == ["begin 4", "hold"]
    assert work.take_turns(3) == ["|", "end 4", "begin 1", "end 1", "begin 0", "end 0", "go on", "|"]
    work.inbox.put([0], work)
    assert work.take() == ["begin 0", "end 0"]


def test_what_comes_meanwhile_waits_too(work: Work) -> None:
    work.inbox.put([2], work)
    work.inbox.put([0], work)
    assert work.take() == ["begin 2", "hold"]
    assert work.take_turns(2) == ["end 2", "begin 0", "end 0", "go on", "|"]


def test_a_fault_costs_one_message(work: Work) -> None:
    before = faults.count
    work.inbox.put([13, 0], work)
    said = work.take_turns(20)
    assert [word for word in said if word not in ("|", "hold")] == ["begin 13", "begin 0", "end 0", "go on"]
    assert faults.count == before + 1


def test_nothing_is_done_once_it_is_closed(work: Work) -> None:
    work.inbox.put([4, 0], work)
    work.inbox.close()
    assert work.take_turns(4) == ["begin 4", "hold", "|", "|", "|"]
