"""Workers are asked for their load, each at its own pace."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable
from pathlib import Path

import httpx

from miso.cluster.placement.settings import DEFAULT_PLACEMENT
from miso.controller import Worker, WorkerPool, create_worker
from miso.demo.server import DemoServer
from miso.demo.workers.worker_loads import WorkerLoads
from tests.cluster.directory.recorder import until
from tests.controller.conftest import FakeWorker
from tests.demo.client import RoomClient
from tests.patience import PATIENCE_S

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
        async with asyncio.timeout(PATIENCE_S):
            await until(lambda: len(well.heard_of("worker.getLoad")) >= 10)
        assert len(hung.heard_of("worker.getLoad")) == 1
    finally:
        await loads.close()
        await pool.close()


async def test_how_long_media_waits_for_a_worker_is_at_metrics(server: DemoServer, url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    page = next(one for one in server.urls if one.startswith("http:")).replace("localhost", "127.0.0.1")
    metric = "miso_worker_loop_delay_seconds"
    async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        shown: dict[str, float] = {}
        while not any(shown.get(f'{metric}_count{{worker="{worker}"}}') for worker in range(10)):
            await asyncio.sleep(0.1)
            lines = (await http.get(f"{page}/metrics")).text.splitlines()
            shown = {
                name: float(value)
                for name, _, value in (one.rpartition(" ") for one in lines if one.startswith(metric))
            }
    worker = next(number for number in range(10) if shown.get(f'{metric}_count{{worker="{number}"}}'))
    buckets = [value for name, value in shown.items() if f'worker="{worker}"' in name and "_bucket" in name]
    assert buckets == sorted(buckets)
    assert buckets[-1] == shown[f'{metric}_count{{worker="{worker}"}}'] > 0
    assert shown[f'{metric}_sum{{worker="{worker}"}}'] >= 0
    await client.close()
