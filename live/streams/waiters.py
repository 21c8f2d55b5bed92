"""Wakes whoever waits for a change; what has changed, who was woken looks up."""

from __future__ import annotations

import asyncio


class Waiters:
    """Tasks that wait for the same thing.

    The change is made first, then :meth:`wake` is called, and who waits looks at the thing before waiting and after: a
    change between the two cannot be missed, since nothing else runs from the look to the wait. Who is cancelled takes
    nobody's waking along.
    """

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, woken: asyncio.Future[None]) -> None:
        """Lets a future be done by the next waking, as one of several things it waits for perhaps."""
        self._waiting.add(woken)

    def discard(self, woken: asyncio.Future[None]) -> None:
        """Waits no longer."""
        self._waiting.discard(woken)

    async def wait(self) -> None:
        """Returns after the next waking."""
        woken = asyncio.get_running_loop().create_future()
        self.add(woken)
        try:
            await woken
        finally:
            self.discard(woken)

    def wake(self) -> None:
        """Wakes everybody who waits now."""
        waiting, self._waiting = self._waiting, set()
        for woken in waiting:
            if not woken.done():  # cancelled, or woken by another of the things it waits for
                woken.set_result(None)
