"""A worker process and a router without codecs; mediasoup's own package, installed once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from miso.controller import Router, Worker, create_worker
from tests.npm_packages import install


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    worker = await create_worker(log_level="warn")
    yield worker
    worker.close()
    await worker.wait_closed()


@pytest.fixture
async def router(worker: Worker) -> Router:
    return await worker.create_router()


@pytest.fixture(scope="session")
def reference_package() -> Path:
    """The folder in whose ``node_modules`` mediasoup 3.12.16 is: without its scripts, which would fetch a worker."""
    return install(Path(__file__).with_name("node"), "mediasoup")
