"""The parts of a room that workers are making: who needs one waits for a moment, and holds up nobody else."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from miso.controller import ControllerError, InvalidStateError, Worker
from miso.demo.rooms.room_shard import RoomShard

logger = logging.getLogger(__name__)


@dataclass
class _Opening:
    """A shard that is being made.

    Attributes:
        task: Makes it.
        late_at_s: When nobody waits for it any more.
        waiting: How many do.
    """

    task: asyncio.Task[RoomShard]
    late_at_s: float
    waiting: int = 0


class Openings:
    """The shards of a room that are being made, one in a worker.

    Args:
        make: Makes one, in that worker.
        late_s: So long, in seconds, a worker may take before those who come go elsewhere; infinite: as it likes.
        on_unclaimed: Called when one is there, and those who waited for it have gone elsewhere.
    """

    def __init__(
        self,
        make: Callable[[Worker], Coroutine[None, None, RoomShard]],
        late_s: float,
        on_unclaimed: Callable[[], None],
    ) -> None:
        self._make = make
        self._late_s = late_s
        self._on_unclaimed = on_unclaimed
        self._openings: dict[Worker, _Opening] = {}

    @property
    def workers(self) -> set[Worker]:
        """Where one is being made."""
        return set(self._openings)

    @property
    def late(self) -> set[Worker]:
        """Where one takes so long that nobody is to wait for it."""
        now_s = asyncio.get_running_loop().time()
        return {worker for worker, opening in self._openings.items() if now_s >= opening.late_at_s}

    def is_waited_for(self, worker: Worker) -> bool:
        """Whether somebody comes to the shard in that worker."""
        return worker in self._openings and self._openings[worker].waiting > 0

    async def shard_in(self, worker: Worker, at_least_s: float = 0.0) -> RoomShard | None:
        """The shard that a worker is to make, or makes already; None: not in time, but later perhaps.

        Args:
            worker: Which one.
            at_least_s: So long, in seconds, one is waited for that is late already.

        Raises:
            ControllerError: It cannot have one, or the room closes.
        """
        opening = self._openings.get(worker)
        if opening is None or opening.task.done():
            opening = self._begin(worker)
        opening.waiting += 1
        rest_s = opening.late_at_s - asyncio.get_running_loop().time()
        try:
            await asyncio.wait({opening.task}, timeout=max(rest_s, at_least_s) if math.isfinite(rest_s) else None)
        except asyncio.CancelledError:
            opening.waiting -= 1
            self._settle(worker, opening)
            raise
        opening.waiting -= 1
        if not opening.task.done():
            return None
        self._forget(worker, opening)
        if opening.task.cancelled():
            raise InvalidStateError("the room has closed")
        return opening.task.result()

    def close(self) -> None:
        """Makes none any more."""
        for opening in self._openings.values():
            opening.task.cancel()

    def _begin(self, worker: Worker) -> _Opening:
        task = asyncio.create_task(self._make(worker))
        opening = _Opening(task, asyncio.get_running_loop().time() + self._late_s)
        self._openings[worker] = opening
        task.add_done_callback(lambda _: self._settle(worker, opening))
        return opening

    def _settle(self, worker: Worker, opening: _Opening) -> None:
        """It is there, or cannot be: if nobody waits for it, nobody else will say so."""
        task = opening.task
        if opening.waiting or not task.done():
            return
        self._forget(worker, opening)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._on_unclaimed()
        elif isinstance(error, ControllerError):
            logger.info("worker=%d makes no part of a room: %s", worker.pid, error)
        else:
            logger.error("worker=%d makes no part of a room", worker.pid, exc_info=error)

    def _forget(self, worker: Worker, opening: _Opening) -> None:
        if self._openings.get(worker) is opening and not opening.waiting:
            del self._openings[worker]
