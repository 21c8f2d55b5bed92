"""Whose bytes are parsed when: everybody's a little, in a circle, and not many in one turn of the event loop."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

FRAMES_PER_TURN: Final = 128
"""Of all connections together. One costs 10 to 50 µs with what is done about it."""
TURN_S: Final = 0.005
"""So long they are handled: where they cost more, or the machine is slow, it is fewer of them."""
FRAMES_AT_ONCE: Final = 16
"""Of one connection, before the others have theirs."""


class TurnTaker(Protocol):
    """Something that has frames to handle."""

    def work(self, frames: int) -> int:
        """Handles at most so many; returns how many it did."""

    @property
    def waiting(self) -> bool:
        """Whether there is more to do."""


class Turns:
    """Deals out the frames that may be handled in a turn of the event loop.

    Who comes while there are some left is served at once. Who needs more waits in the circle.

    Args:
        loop: The event loop.
        clock: Gives seconds, by a clock that does not go back.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = time.monotonic) -> None:
        self._loop = loop
        self._clock = clock
        self._circle: deque[TurnTaker] = deque()
        self._scheduled = False
        self._begin()

    def serve(self, taker: TurnTaker) -> None:
        """Lets it work, now as far as that goes, then in later turns. One that is in the circle must not come again."""
        if self._has_some_left and taker.waiting:
            self._work(taker)
        if taker.waiting:
            self._circle.append(taker)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        self._begin()
        while self._circle and self._has_some_left:
            taker = self._circle.popleft()
            self._work(taker)
            if taker.waiting:
                self._circle.append(taker)
        self._begin()  # for those who come before the next
        if self._circle:
            self._schedule()

    def _begin(self) -> None:
        self._left = FRAMES_PER_TURN
        self._left_s = TURN_S

    @property
    def _has_some_left(self) -> bool:
        return self._left > 0 and self._left_s > 0

    def _work(self, taker: TurnTaker) -> None:
        began_s = self._clock()
        self._left -= taker.work(min(self._left, FRAMES_AT_ONCE))
        self._left_s -= self._clock() - began_s


_of_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = weakref.WeakKeyDictionary()


def turns_of(loop: asyncio.AbstractEventLoop) -> Turns:
    """The turns of an event loop, which all its connections share."""
    if loop not in _of_loop:
        _of_loop[loop] = Turns(loop)
    return _of_loop[loop]
