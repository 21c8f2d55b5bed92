"""A pool of workers: new work goes to the least loaded one, and a worker that died or hangs is replaced."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Self

from miso.controller.emitter import Emitter
from miso.controller.errors import InvalidStateError
from miso.controller.pool.watchdog import DEFAULT_WATCHDOG, Watchdog
from miso.controller.worker import Worker, create_worker

_logger = logging.getLogger(__name__)


class BackOff(NamedTuple):
    """How long to wait before a worker is started again.

    Attributes:
        first_s: After the first death, in seconds; doubled with each further one.
        longest_s: The longest wait, in seconds.
        stable_s: A worker that lived this many seconds starts the count anew.
    """

    first_s: float = 0.2
    longest_s: float = 15.0
    stable_s: float = 30.0

    def delay_s(self, deaths: int) -> float:
        """The wait after the given number of deaths in a row (1 or more), in seconds."""
        return min(self.longest_s, self.first_s * 2.0 ** min(deaths - 1, 32))


DEFAULT_BACK_OFF = BackOff()


class WorkerPool(Emitter):
    """Keeps a number of workers running.

    Events:
        started(worker): A worker is running, at first or in place of a dead one.
        died(worker, error): A worker's process ended unexpectedly, or hung and was killed; its routers are closed by
            now.

    A worker that somebody closes on purpose is not replaced.

    Attributes:
        closed: Whether the pool is closed.
    """

    def __init__(
        self,
        size: int,
        create: Callable[[], Awaitable[Worker]] = create_worker,
        *,
        back_off: BackOff = DEFAULT_BACK_OFF,
        watchdog: Watchdog | None = DEFAULT_WATCHDOG,
    ) -> None:
        """Prepares a pool; ``start`` starts it.

        Args:
            size: How many workers, 1 or more.
            create: Starts one worker, usually ``create_worker`` with settings bound to it.
            back_off: The waits before a dead worker is replaced.
            watchdog: When a worker counts as hung; None to let hung workers be, as under a debugger.
        """
        super().__init__()
        if size < 1:
            raise TypeError(f"a pool needs at least one worker, have {size}")
        self._size = size
        self._create = create
        self._back_off = back_off
        self._watchdog = watchdog
        self._workers: list[Worker] = []
        """Those that run, the one that was chosen last at the end."""
        self._ending: list[Worker] = []
        """Those that ``close`` waits for."""
        self._keepers: list[asyncio.Task[None]] = []
        """One for each place in the pool: it replaces whoever dies there."""
        self.closed = False

    async def __aenter__(self) -> Self:
        """``async with WorkerPool(4) as pool``: started, and closed when the block ends."""
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    @property
    def workers(self) -> list[Worker]:
        """The running workers."""
        return list(self._workers)

    async def start(self) -> None:
        """Starts all workers.

        Raises:
            TypeError: The settings are wrong.
            WorkerStartError: A worker did not start; none of them runs then.
        """
        if self.closed or self._keepers:
            raise InvalidStateError("the pool was started already")
        creating = [asyncio.ensure_future(self._create()) for _ in range(self._size)]
        try:
            results = await asyncio.gather(*creating, return_exceptions=True)
        except asyncio.CancelledError:
            for created in creating:  # all are done by now, some with a worker
                if not created.cancelled() and created.exception() is None:
                    created.result().close()
            raise
        workers = [result for result in results if isinstance(result, Worker)]
        failure = next((result for result in results if isinstance(result, BaseException)), None)
        if failure is not None or self.closed:
            for worker in workers:
                worker.close()
            raise failure or InvalidStateError("the pool was closed while it started")
        for worker in workers:
            self._keepers.append(asyncio.create_task(self._keep(worker)))
            self._add(worker)

    def pick(self, load: Callable[[Worker], float] | None = None) -> Worker:
        """Chooses the worker with the least load; among equals, the one that was not chosen for the longest time.

        Args:
            load: A worker's load; the number of its routers by default.

        Raises:
            InvalidStateError: No worker is running at the moment.
        """
        if not self._workers:
            raise InvalidStateError("no worker is running")
        worker = min(self._workers, key=load or (lambda worker: len(worker.routers)))
        self._workers.remove(worker)
        self._workers.append(worker)
        return worker

    async def close(self) -> None:
        """Closes all workers and waits until their processes have ended."""
        self.closed = True
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._ending, self._workers = self._ending + self._workers, []
        for worker in self._ending:
            worker.close()
        await asyncio.gather(*(worker.wait_closed() for worker in self._ending))

    def kill(self, reason: str) -> None:
        """Ends all processes at once (SIGKILL), for who cannot wait for ``close`` to come to its end.

        Args:
            reason: For the log.
        """
        for worker in (*self._workers, *self._ending):
            worker.kill(reason)

    def _add(self, worker: Worker) -> None:
        self._workers.append(worker)
        self.emit("started", worker)

    async def _keep(self, worker: Worker) -> None:
        """Replaces the worker whenever it dies."""
        loop = asyncio.get_running_loop()
        deaths = 0
        while True:
            started_at_s = loop.time()
            error = await self._end_of(worker)
            if worker in self._workers:
                self._workers.remove(worker)
            if error is None:
                return
            deaths = 1 if loop.time() - started_at_s >= self._back_off.stable_s else deaths + 1
            self.emit("died", worker, error)
            worker, deaths = await self._replace(deaths)
            self._add(worker)

    async def _replace(self, deaths: int) -> tuple[Worker, int]:
        """Starts a worker, as often as it takes; counts the failures as deaths."""
        while True:
            delay_s = self._back_off.delay_s(deaths)
            _logger.warning("starting a new worker in %.1f s (death %d in a row)", delay_s, deaths)
            await asyncio.sleep(delay_s)
            try:
                return await self._create(), deaths
            except Exception as error:  # noqa: BLE001  # whatever the application's function raises, it is tried again
                _logger.error("a worker did not start: %s", error)
                deaths += 1

    async def _end_of(self, worker: Worker) -> Exception | None:
        """Waits for a worker's end, and brings it about when it hangs; returns why it died, None if it was closed."""
        if self._watchdog is None:
            return await _end_of(worker)
        watching = asyncio.create_task(self._watchdog.watch(worker))
        try:
            return await _end_of(worker)
        finally:
            watching.cancel()


async def _end_of(worker: Worker) -> Exception | None:
    """Waits for a worker's end; returns why it died, None if it was closed."""
    if worker.closed:
        return worker.death
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end() -> None:
        if not ended.done():
            ended.set_result(None)

    worker.observer.once("close", end)
    await ended
    return worker.death
