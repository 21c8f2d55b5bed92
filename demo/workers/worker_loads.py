"""How busy each media worker is, and which one the next participant of a room is placed on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Container
from functools import partial
from typing import Final

from miso.cluster.facts import WorkerLoad
from miso.cluster.placement.choice import Candidate, choose_worker
from miso.cluster.placement.load import LoadMeter
from miso.cluster.placement.settings import PlacementSettings
from miso.controller import ControllerError, InvalidStateError, Worker, WorkerPool
from miso.controller import RequestError as WorkerRequestError
from miso.controller.types import LoopDelays

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 1.0
"""Workers are asked so often, in seconds."""
LATE_S: Final = 1.0
"""What a worker says of itself later than that, in seconds, is not of the time when it was asked."""
_LOAD_OF_ROUTER: Final = 1e-6
"""Of workers that are equally loaded the one with fewer rooms is taken."""


class WorkerLoads:
    """Asks the workers what they do, and counts who was placed on them.

    Args:
        pool: The workers.
        settings: From which load on rooms spread.
        chance: Where chance comes from.
        time_s: A monotonic clock, in seconds.
        interval_s: How often workers are asked, in seconds.
    """

    def __init__(
        self,
        pool: WorkerPool,
        settings: PlacementSettings,
        chance: random.Random,
        time_s: Callable[[], float],
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._pool = pool
        self._settings = settings
        self._chance = chance
        self._time_s = time_s
        self._interval_s = interval_s
        self._meters: dict[Worker, LoadMeter] = {}
        self._delays: dict[Worker, LoopDelays] = {}
        """As the last report has them."""
        self._without_load: set[Worker] = set()
        """Other workers than ours: they know their CPU time only, and log each request that they do not know."""
        self._questions: dict[Worker, asyncio.Task[None]] = {}
        """What is not answered yet."""
        self._asking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to ask."""
        self._asking = asyncio.create_task(self._ask_on())

    async def close(self) -> None:
        """Asks no more."""
        if self._asking is not None:
            self._asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._asking
        for question in self._questions.values():
            question.cancel()
        await asyncio.gather(*self._questions.values(), return_exceptions=True)

    def choose(self, having: Container[Worker], *, sends: bool, but: Container[Worker] = ()) -> Worker:
        """The worker for a room's next participant; see :func:`.choose_worker`.

        Args:
            having: The workers in which the room has a shard.
            sends: Whether the participant will send.
            but: Not one of these, if there are others.

        Raises:
            InvalidStateError: No worker is running at the moment.
        """
        running = self._pool.workers
        workers = [worker for worker in running if worker not in but] or running
        now_s = self._time_s()
        candidates = []
        for number, worker in enumerate(workers):
            is_stale = self._meter(worker).is_stale(now_s)
            candidates.append(Candidate(number, self.load(worker), worker in having, is_stale))
        number_chosen = choose_worker(candidates, self._chance, sends=sends, settings=self._settings)
        if number_chosen is None:
            raise InvalidStateError("no worker is running")
        return workers[number_chosen]

    @property
    def participants(self) -> int:
        """How many have been placed on the workers, and have not left."""
        return sum(meter.participants for meter in self._meters.values())

    def load(self, worker: Worker) -> float:
        """How busy a worker is: 0 and more, 1 and more is too much."""
        return self._meter(worker).load + _LOAD_OF_ROUTER * len(worker.routers)

    def place(self, worker: Worker, participant: str, *, sends: bool) -> None:
        """A participant was placed on a worker; the next one is told to count with it, before it shows in reports."""
        self._meter(worker).place(participant, self._time_s(), sends=sends)

    def leave(self, worker: Worker, participant: str) -> None:
        """It has left; of a worker that has died nothing is counted any more."""
        if worker in self._meters:
            self._meters[worker].leave(participant)

    @property
    def numbers(self) -> dict[Worker, int]:
        """How operators tell the running workers apart."""
        return {worker: number for number, worker in enumerate(sorted(self._pool.workers, key=lambda one: one.pid))}

    @property
    def reports(self) -> list[WorkerLoad]:
        """What each running worker does."""
        return [
            WorkerLoad(
                worker=number,
                cpu=self._meter(worker).cpu,
                packets_per_s=self._meter(worker).packets_per_s,
                shards=len(worker.routers),
            )
            for worker, number in self.numbers.items()
        ]

    @property
    def delays(self) -> dict[int, LoopDelays]:
        """How long media waits for the event loop of each running worker that tells it, by the worker's number."""
        return {number: self._delays[worker] for worker, number in self.numbers.items() if worker in self._delays}

    def _meter(self, worker: Worker) -> LoadMeter:
        meter = self._meters.get(worker)
        if meter is None:
            meter = self._meters[worker] = LoadMeter(self._time_s(), self._settings)
            worker.observer.once("close", lambda: self._forget(worker))
        return meter

    def _forget(self, worker: Worker) -> None:
        self._meters.pop(worker, None)
        self._without_load.discard(worker)
        self._delays.pop(worker, None)

    async def _ask_on(self) -> None:
        """One that does not answer is asked nothing more: a worker that hangs for hours would have a million to read.

        Its meter shows that it is silent.
        """
        while True:
            for worker in self._pool.workers:
                if worker not in self._questions:
                    question = self._questions[worker] = asyncio.create_task(self._ask(worker))
                    question.add_done_callback(partial(self._asked, worker))
            await asyncio.sleep(self._interval_s)

    async def _ask(self, worker: Worker) -> None:
        meter = self._meter(worker)
        asked_s = self._time_s()
        try:
            cpu_s, packets = await self._used(worker)
        except (ControllerError, TypeError) as error:  # TypeError: an answer of another shape
            logger.debug("worker=%d does not tell its load: %s", worker.pid, error)
            return
        if self._time_s() - asked_s <= LATE_S:
            meter.report(asked_s, cpu_s, packets)

    def _asked(self, worker: Worker, question: asyncio.Task[None]) -> None:
        del self._questions[worker]
        if not question.cancelled() and (error := question.exception()) is not None:
            logger.error("worker=%d its load", worker.pid, exc_info=error)

    async def _used(self, worker: Worker) -> tuple[float, int]:
        """Seconds of CPU that a worker has used, and packets that it has sent."""
        if worker not in self._without_load:
            try:
                report = await worker.get_load()
                if report.loop_delay is not None and not worker.closed:
                    self._delays[worker] = report.loop_delay
                return report.cpu_us / 1e6, report.packets_forwarded
            except WorkerRequestError:
                self._without_load.add(worker)
        usage = await worker.get_resource_usage()
        return (usage.ru_utime + usage.ru_stime) / 1e3, 0
