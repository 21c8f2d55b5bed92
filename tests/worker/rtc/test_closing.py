"""Whatever is large closes in short steps, and lets go of what has closed as it goes on."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

from miso.worker.faults import faults
from miso.worker.rtc.closing import CHILDREN_PER_STEP, close_each, close_each_in_steps, do_for_each

STEPS = 5


class Child:
    """Closes in one go."""

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Broken(Child):
    """Cannot close."""

    def close(self) -> None:
        raise RuntimeError("broken")


class Large:
    """Closes in so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def closing(self) -> Iterator[None]:
        while self.left:
            self.left -= 1
            if self.left:
                yield


def test_a_step_closes_several_and_no_more() -> None:
    children = [Child() for _ in range(STEPS * CHILDREN_PER_STEP - 1)]
    closed = [sum(child.closed for child in children) for _ in close_each(children)]
    assert closed == [*range(CHILDREN_PER_STEP, len(children), CHILDREN_PER_STEP), len(children)]


def test_who_has_closed_is_gone_after_the_step_though_others_are_left() -> None:
    children = {number: Child() for number in range(2 * CHILDREN_PER_STEP)}
    gone = [weakref.ref(child) for child in children.values()]
    steps = close_each(children.values())
    next(steps)
    children.clear()  # each would leave when it closes
    assert [child() is None for child in gone] == [True] * CHILDREN_PER_STEP + [False] * CHILDREN_PER_STEP
    next(steps)
    assert all(child() is None for child in gone)


def test_who_cannot_close_keeps_no_other_from_it() -> None:
    children = [Child(), Broken(), Child()]
    before = faults.count
    assert len(list(close_each(children))) == 1
    assert [child.closed for child in children] == [True, False, True]
    assert faults.count == before + 1


def test_who_comes_meanwhile_is_none_of_those_for_whom_it_is_done() -> None:
    children = {1: "a"}
    seen: list[str] = []
    for _ in do_for_each(children.values(), seen.append):
        children[2] = "b"
    assert seen == ["a"]


def test_between_two_that_close_in_one_step_there_is_a_pause() -> None:
    children = [Large(1), Large(3), Large(1)]
    left = [[child.left for child in children] for _ in close_each_in_steps(children)]
    assert left == [[0, 3, 1], [0, 2, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]]
