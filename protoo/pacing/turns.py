"""Whose bytes are parsed when: everybody's a little, in a circle, and not many in one turn of the event loop."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from typing import Final, Protocol

FRAMES_PER_TURN: Final = 128
"""Of all connections together. One costs 10 to 50 µs with what is done about it."""
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
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._circle: deque[TurnTaker] = deque()
        self._left = FRAMES_PER_TURN
        self._scheduled = False

    def serve(self, taker: TurnTaker) -> None:
        """Lets it work, now as far as that goes, then in later turns. One that is in the circle must not come again."""
        if self._left > 0 and taker.waiting:
            self._left -= taker.work(min(self._left, FRAMES_AT_ONCE))
        if taker.waiting:
            self._circle.append(taker)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        left = FRAMES_PER_TURN
        while self._circle and left > 0:
            taker = self._circle.popleft()
            left -= taker.work(min(left, FRAMES_AT_ONCE))
            if taker.waiting:
                self._circle.append(taker)
        self._left = FRAMES_PER_TURN
        if self._circle:
            self._schedule()


_of_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = weakref.WeakKeyDictionary()


def turns_of(loop: asyncio.AbstractEventLoop) -> Turns:
    """The turns of an event loop, which all its connections share."""
    if loop not in _of_loop:
        _of_loop[loop] = Turns(loop)
    return _of_loop[loop]
