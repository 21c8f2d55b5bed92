"""A room of a real worker, for the bridge's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from miso import Worker, create_worker
from miso.demo.workers.media_workers import MEDIA_CODECS


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    async with await create_worker(log_level="warn") as worker:
        yield worker


@pytest.fixture
async def room(worker: Worker) -> Any:
    one_room = pytest.importorskip("tests.live.bridge.one_room")
    return one_room.OneRoom(await worker.create_router(media_codecs=MEDIA_CODECS))
