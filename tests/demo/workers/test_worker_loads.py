"""Workers are asked for their load, each at its own pace."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable
from pathlib import Path

from miso.cluster.placement.settings import DEFAULT_PLACEMENT
from miso.controller import Worker, WorkerPool, create_worker
from miso.demo.workers.worker_loads import WorkerLoads
from tests.cluster.directory.recorder import until
from tests.controller.conftest import FakeWorker

REPORT = {"timestampUs": 1, "cpuUs": 2, "packetsForwarded": 3}


async def test_a_worker_that_does_not_answer_is_asked_once_and_the_others_go_on(tmp_path: Path) -> None:
    hung = FakeWorker(tmp_path, {"worker.getLoad": [{"never answer": None}]})
    well = FakeWorker(tmp_path, {"worker.getLoad": [{"reply": REPORT}]})
    programs = [hung.path, well.path]

    def create() -> Awaitable[Worker]:
        return create_worker(worker_bin=programs.pop())

    pool = WorkerPool(2, create, watchdog=None)
    await pool.start()
    loads = WorkerLoads(pool, DEFAULT_PLACEMENT, random.Random(1), time.monotonic, interval_s=0.01)
    loads.start()
    try:
        async with asyncio.timeout(30):
            await until(lambda: len(well.heard_of("worker.getLoad")) >= 10)
        assert len(hung.heard_of("worker.getLoad")) == 1
    finally:
        await loads.close()
        await pool.close()
