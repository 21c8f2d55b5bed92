"""A pool of workers: choice, replacement, end."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from miso.controller import (
    BackOff,
    InvalidStateError,
    Watchdog,
    Worker,
    WorkerPool,
    WorkerStartError,
    create_worker,
    observer,
)
from tests.controller.conftest import FakeWorker, Script
from tests.patience import PATIENCE_S

AT_ONCE = BackOff(first_s=0.0, longest_s=0.0, stable_s=60.0)

MakePool = Callable[..., WorkerPool]


@pytest.fixture
async def make_pool(fake_worker: Callable[..., FakeWorker]) -> AsyncIterator[MakePool]:
    pools = []

    def make(size: int, *scripts: Script, back_off: BackOff = AT_ONCE) -> WorkerPool:
        """A pool whose workers follow the scripts in turn, the last one for good."""
        programs = [fake_worker(script) for script in scripts or ({},)]

        def create() -> Awaitable[Worker]:
            program = programs.pop(0) if len(programs) > 1 else programs[0]
            return create_worker(worker_bin=program.path)

        pool = WorkerPool(size, create, back_off=back_off)
        pools.append(pool)
        return pool

    yield make
    for pool in pools:
        await pool.close()


async def event(pool: WorkerPool, name: str) -> tuple[object, ...]:
    future: asyncio.Future[tuple[object, ...]] = asyncio.get_running_loop().create_future()
    pool.once(name, lambda *args: future.set_result(args))
    return await asyncio.wait_for(future, PATIENCE_S)


async def test_picks_the_least_loaded_worker_and_takes_turns_among_equals(make_pool: MakePool) -> None:
    pool = make_pool(3)
    started: list[Worker] = []
    pool.on("started", started.append)
    await pool.start()
    assert pool.workers == started
    assert len({worker.pid for worker in started}) == 3
    first, second, third = (pool.pick() for _ in range(3))
    assert {first, second, third} == set(started)
    await first.create_router()
    await third.create_router()
    assert pool.pick() is second
    await second.create_router()
    await second.create_router()
    assert {pool.pick(), pool.pick()} == {first, third}
    assert pool.pick(lambda worker: -len(worker.routers)) is second


async def test_a_dead_worker_is_replaced(make_pool: MakePool) -> None:
    pool = make_pool(2)
    await pool.start()
    victim, other = pool.workers
    died = asyncio.create_task(event(pool, "died"))
    started = asyncio.create_task(event(pool, "started"))
    await asyncio.sleep(0)
    os.kill(victim.pid, signal.SIGKILL)
    worker, error = await died
    assert worker is victim
    assert victim.death is error
    (replacement,) = await started
    assert set(pool.workers) == {other, replacement}
    assert not other.closed


async def test_no_worker_to_pick_while_all_are_dead(make_pool: MakePool) -> None:
    pool = make_pool(1, back_off=BackOff(first_s=60.0))
    await pool.start()
    (worker,) = pool.workers
    died = asyncio.create_task(event(pool, "died"))
    await asyncio.sleep(0)
    os.kill(worker.pid, signal.SIGKILL)
    await died
    with pytest.raises(InvalidStateError, match="no worker is running"):
        pool.pick()


async def test_tries_again_when_the_replacement_does_not_start(make_pool: MakePool) -> None:
    pool = make_pool(1, {}, {"start": [{"exit": 40}]}, {"start": [{"exit": 42}]}, {})
    await pool.start()
    (worker,) = pool.workers
    started = asyncio.create_task(event(pool, "started"))
    await asyncio.sleep(0)
    os.kill(worker.pid, signal.SIGKILL)
    await started
    assert len(pool.workers) == 1


async def test_a_worker_that_died_before_the_pool_looks_at_it_is_replaced(
    fake_worker: Callable[..., FakeWorker],
) -> None:
    program = fake_worker({})
    made: list[Worker] = []

    async def create() -> Worker:
        worker = await create_worker(worker_bin=program.path)
        if not made:
            os.kill(worker.pid, signal.SIGKILL)
            await worker.wait_closed()
        made.append(worker)
        return worker

    pool = WorkerPool(1, create, back_off=AT_ONCE)
    deaths: list[object] = []
    pool.on("died", lambda worker, error: deaths.append(worker))
    await pool.start()
    while pool.workers != made[1:2]:
        await event(pool, "started")
    assert deaths == made[:1]
    await pool.close()


async def test_a_worker_closed_on_purpose_is_not_replaced(make_pool: MakePool) -> None:
    pool = make_pool(2)
    await pool.start()
    closed, other = pool.workers
    closed.close()
    await asyncio.sleep(0)
    assert pool.workers == [other]


async def test_all_start_or_none(make_pool: MakePool) -> None:
    pool = make_pool(2, {}, {"start": [{"exit": 40}]})
    with pytest.raises(WorkerStartError):
        await pool.start()
    assert pool.workers == []


async def test_a_start_that_is_cancelled_leaves_no_worker(make_pool: MakePool) -> None:
    pool = make_pool(2, {}, {"start": []})  # the second one never says that it runs
    running: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
    observer.once("newworker", running.set_result)
    starting = asyncio.create_task(pool.start())
    worker = await asyncio.wait_for(running, PATIENCE_S)
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert worker.closed
    await asyncio.wait_for(worker.wait_closed(), PATIENCE_S)


async def test_close_ends_all_processes(make_pool: MakePool) -> None:
    pool = make_pool(2)
    await pool.start()
    workers = pool.workers
    await pool.close()
    await pool.close()
    assert pool.closed
    assert pool.workers == []
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker.pid, 0)
    with pytest.raises(InvalidStateError):
        await pool.start()


async def test_a_worker_that_hangs_is_killed_and_replaced() -> None:
    pool = WorkerPool(2, create_worker, back_off=AT_ONCE, watchdog=Watchdog(interval_s=0.1, timeout_s=15.0))
    await pool.start()
    victim, other = pool.workers
    router = await victim.create_router()
    died = asyncio.create_task(event(pool, "died"))
    started = asyncio.create_task(event(pool, "started"))
    await asyncio.sleep(0)
    os.kill(victim.pid, signal.SIGSTOP)
    with pytest.raises(InvalidStateError):  # whoever asked it something hears of its end
        await router.dump()
    worker, error = await died
    assert worker is victim
    assert "did not answer for 15 s" in str(error)
    assert router.closed
    (replacement,) = await started
    assert set(pool.workers) == {other, replacement}
    await victim.wait_closed()
    with pytest.raises(ProcessLookupError):
        os.kill(victim.pid, 0)
    await pool.close()


async def test_no_worker_is_blamed_for_a_pause_of_the_controller() -> None:
    pool = WorkerPool(1, create_worker, watchdog=Watchdog(interval_s=0.0, timeout_s=2.0))
    await pool.start()
    (worker,) = pool.workers
    for _ in range(2):
        await worker.dump()  # the dog's question is on its way, too
        time.sleep(2.5)  # noqa: ASYNC251  # as if this process had been stopped
    await worker.dump()
    assert pool.workers == [worker]
    await pool.close()


async def test_an_error_is_an_answer_and_a_silent_worker_is_let_be_without_a_watchdog(
    fake_worker: Callable[..., FakeWorker],
) -> None:
    refusing = fake_worker({"worker.getResourceUsage": [{"error": ["Error", "no"]}]})
    silent = fake_worker({"worker.getResourceUsage": [{"never answer": None}]})
    watched = WorkerPool(
        1, lambda: create_worker(worker_bin=refusing.path), watchdog=Watchdog(interval_s=0.0, timeout_s=PATIENCE_S)
    )
    unwatched = WorkerPool(1, lambda: create_worker(worker_bin=silent.path), watchdog=None)
    await watched.start()
    await unwatched.start()
    (worker,) = watched.workers
    while len(refusing.heard_of("worker.getResourceUsage")) < 3:
        await worker.dump()
    assert watched.workers == [worker]
    assert silent.heard_of("worker.getResourceUsage") == []
    await watched.close()
    await unwatched.close()


async def test_runs_for_the_time_of_a_block(make_pool: MakePool) -> None:
    async with make_pool(2) as pool:
        pids = [worker.pid for worker in pool.workers]
        assert len(pids) == 2
    assert pool.closed
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_the_wait_doubles_up_to_the_longest() -> None:
    back_off = BackOff(first_s=0.5, longest_s=10.0)
    assert [back_off.delay_s(deaths) for deaths in (1, 2, 3, 4, 5, 6, 10_000)] == [0.5, 1, 2, 4, 8, 10, 10]


def test_a_pool_needs_a_worker() -> None:
    with pytest.raises(TypeError):
        WorkerPool(0)
