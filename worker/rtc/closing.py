"""How a large object closes: in steps, between which media of others goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from miso.worker.faults import attempt, attempt_step


class Closable(Protocol):
    """What closes in one go; idempotent."""

    def close(self) -> None:
        """See above."""


class ClosingInSteps(Protocol):
    """What has much to close."""

    def closing(self) -> Iterator[None]:
        """The steps that are left, the same at each call."""


def close_each(children: Iterable[Closable]) -> Iterator[None]:
    """Each is a step; a fault in one costs this one."""
    for child in list(children):
        attempt(child, child.close)
        yield


def close_each_in_steps(children: Iterable[ClosingInSteps]) -> Iterator[None]:
    """As many steps as they have; a fault in one costs what is left of this one."""
    for child in list(children):
        steps = child.closing()
        while not attempt_step(child, steps):
            yield


def finish(steps: Iterator[None]) -> None:
    """Does all that is left to do."""
    for _ in steps:
        pass
