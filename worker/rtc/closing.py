"""How a large object closes: in steps, between which media of others goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from operator import methodcaller
from typing import Final, Protocol, TypeVar

from miso.worker.faults import attempt, attempt_step

CHILDREN_PER_STEP: Final = 16
"""Of those that are closed soon: together they take some 0.2 ms, beside which it costs little to begin a step."""
_CLOSE: Final = methodcaller("close")

Child = TypeVar("Child")


class Closable(Protocol):
    """What closes in one go; idempotent."""

    def close(self) -> None:
        """See above."""


class ClosingInSteps(Protocol):
    """What has much to close."""

    def closing(self) -> Iterator[None]:
        """The steps that are left, the same at each call."""


def close_each(children: Iterable[Closable]) -> Iterator[None]:
    """As ``do_for_each``."""
    return do_for_each(children, _CLOSE)


def do_for_each(
    children: Iterable[Child], work: Callable[[Child], object], at_once: int | None = None
) -> Iterator[None]:
    """Does something for each, for ``at_once`` in a step (None: ``CHILDREN_PER_STEP``); a fault in one costs this one.

    Who is done is let go of at once: to free the memory of thousands takes longer than media may wait.
    """
    waiting = deque(children)
    while waiting:
        for _ in range(min(at_once or CHILDREN_PER_STEP, len(waiting))):
            child = waiting.popleft()
            attempt(child, work, child)
            del child
        yield


def close_each_in_steps(children: Iterable[ClosingInSteps]) -> Iterator[None]:
    """As many steps as they have, each at least one; a fault in one costs what is left of this one."""
    waiting = deque(children)
    while waiting:
        child = waiting.popleft()
        steps = child.closing()
        while not attempt_step(child, steps):
            yield
        del child, steps
        yield


def finish(steps: Iterator[None]) -> None:
    """Does all that is left to do."""
    for _ in steps:
        pass
