"""Servers of one cluster, with a Redis of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from miso.demo.server import DemoServer
from tests.cluster.directory.redis.redis_server import RedisServer
from tests.demo.conftest import free_ports


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    server = RedisServer()
    await server.start()
    yield server
    await server.close()


async def started(tmp_path: Path, redis: RedisServer, name: str, **settings: object) -> DemoServer:
    given = {"redis": redis.url, "node_name": name, "cluster_address": "127.0.0.1", "drain_timeout": 2, **settings}
    server = DemoServer(free_ports(tmp_path, **given))
    await server.start()
    return server
