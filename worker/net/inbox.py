"""What came from the controller and is not done yet: it waits for its turn, so that media goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from miso.worker.faults import attempt_for, attempt_step
from miso.worker.net.turns import Turns

Message = TypeVar("Message")


class Source(Protocol):
    """Where the messages come from."""

    def hold(self) -> None:
        """Brings nothing until ``go_on``."""

    def go_on(self) -> None:
        """Brings messages again."""


class Inbox(Generic[Message]):
    """Messages are done one after the other, each in as many steps as it wants; ``Turns`` says how many in one turn.

    While some wait nothing more is read, so what waits is what one read of the pipe brings.
    """

    def __init__(self, turns: Turns, work: Callable[[Message], Iterator[None] | None]) -> None:
        """``work`` does a message; of one that takes long it gives the steps.

        Between steps media may go on, but no other message is begun.
        """
        self._turns = turns
        self._work = work
        self._waiting: deque[Message] = deque()
        self._steps: Iterator[None] | None = None  # that are left of the message under way
        self._source: Source | None = None  # is held
        self._closed = False

    def put(self, messages: Iterable[Message], source: Source) -> None:
        """Takes what came, and begins at once unless something waits already."""
        self._waiting.extend(messages)
        if self._source is None and self._waiting and self._turns.run(self._step):
            self._source = source
            source.hold()

    def close(self) -> None:
        """What waits is not done any more."""
        self._closed = True
        self._waiting.clear()
        self._steps = None

    def _step(self) -> bool:
        """Does one step; gives whether another one is to be done."""
        if self._steps is None and self._waiting:
            self._steps = attempt_for(None, self._work, self._work, self._waiting.popleft())
        steps = self._steps
        if steps is not None and attempt_step(self._work, steps):
            self._steps = None
        if self._closed or (self._steps is None and not self._waiting):
            if self._source is not None:
                self._let_go(self._source)
            return False
        return True

    def _let_go(self, source: Source) -> None:
        self._source = None
        if not self._closed:
            source.go_on()
