"""Redis, and nodes, for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.cluster.directory.redis.world import RedisWorld


@pytest.fixture
async def world() -> AsyncIterator[RedisWorld]:
    world = RedisWorld()
    await world.start()
    yield world
    await world.close()
