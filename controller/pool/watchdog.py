"""Finds workers that hang: a process that lives and answers nothing serves nobody, and never ends by itself."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from miso.controller.types import ResourceUsage
from miso.controller.worker import Worker

_TURNS = 10


class Watchdog(NamedTuple):
    """When a worker counts as hung.

    Attributes:
        interval_s: The rest between an answer and the next question, in seconds.
        timeout_s: Without an answer for so long, in seconds, a worker is killed. Only time in which this process ran
            itself counts: after a pause of the whole machine, or of the controller, nobody is killed for it.
    """

    interval_s: float = 5.0
    timeout_s: float = 10.0

    async def watch(self, worker: Worker) -> None:
        """Asks again and again; kills the worker when it does not answer, and returns when it is closed."""
        while not worker.closed:
            await asyncio.sleep(self.interval_s)
            answer = asyncio.ensure_future(worker.get_resource_usage())
            try:
                answered = await self._comes(answer)
            finally:
                if not answer.cancel():
                    answer.exception()  # an error is an answer, too; that the worker is closed is seen above
            if not answered:
                worker.kill(f"it did not answer for {self.timeout_s:g} s")
                return

    async def _comes(self, answer: asyncio.Future[ResourceUsage]) -> bool:
        """Waits in turns: however long this process was held up, it is one turn."""
        for _ in range(_TURNS):
            done, _ = await asyncio.wait({answer}, timeout=self.timeout_s / _TURNS)
            if done:
                return True
        return False


DEFAULT_WATCHDOG = Watchdog()
