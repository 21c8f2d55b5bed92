"""How long one turn of an event loop takes, by CPU time."""

from __future__ import annotations

import asyncio
import gc
import time

from tests import sanitizers

MAX_TURN_S = 0.25 if sanitizers.are_on() else 0.05
"""Generous for a busy machine."""
ATTEMPTS = 3
"""A virtual machine that is stopped for a moment has that moment in the CPU time of whoever was running; not always."""


class Heart:
    """Beats while the event loop turns.

    Attributes:
        longest_s: The most CPU time between two beats, in seconds. What the garbage collector takes does not count: in
            a process that is full of other tests' objects it says nothing of who is tested.
    """

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._collecting_since_s = self._collected_s = 0.0
        gc.callbacks.append(self._on_collection)
        self._task = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        last_s = time.thread_time()
        while True:
            await asyncio.sleep(0.001)
            now_s = time.thread_time()
            self.longest_s = max(self.longest_s, now_s - last_s - self._collected_s)
            last_s, self._collected_s = now_s, 0.0

    def _on_collection(self, phase: str, _: object) -> None:
        if phase == "start":
            self._collecting_since_s = time.thread_time()
        else:
            self._collected_s += time.thread_time() - self._collecting_since_s

    async def stop(self) -> float:
        """Ends; gives ``longest_s``."""
        gc.callbacks.remove(self._on_collection)
        self._task.cancel()
        await asyncio.wait({self._task})
        return self.longest_s
