"""``/api/cluster`` and the cluster's metrics, of a running server with a room in both of its workers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from miso.demo.operators.cluster_api import FRESH_S, ClusterApi
from miso.demo.server import DemoServer
from miso.live.operators.operators import Operators
from miso.live.operators.settings import OperatorsSettings
from tests.demo.client import AUDIO, VIDEO, RoomClient
from tests.demo.conftest import SPREAD, free_ports, ws_url
from tests.patience import PATIENCE_S


@pytest.fixture
def server_settings() -> Mapping[str, object]:
    return SPREAD


async def get(server: DemoServer, path: str, **headers: str) -> httpx.Response:
    url = ws_url(server).replace("ws", "http", 1)
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        return await http.get(f"{url}{path}", headers={name.replace("_", "-"): text for name, text in headers.items()})


async def until_piped(server: DemoServer) -> dict[str, Any]:
    """The report when each of both parts has what the other one sends."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            report: dict[str, Any] = (await get(server, "/api/cluster")).json()["data"]
            pipes = [pipe for shard in report["rooms"][0]["shards"] for pipe in shard["own"]["pipes"]]
            if len(pipes) == 2 and all(pipe["sent"] == pipe["copies"] == 1 for pipe in pipes):
                return report
            await asyncio.sleep(FRESH_S)


async def test_a_room_in_two_workers_and_its_pipe_are_shown(server: DemoServer) -> None:
    url = ws_url(server)
    first, second = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await first.join()
    await second.join()
    await first.produce("audio", AUDIO)
    await second.produce("video", VIDEO)
    report = await until_piped(server)
    [room] = report["rooms"]
    assert (room["name"], room["participants"], report["storeAway"]) == ("r", 2, False)
    one, other = room["shards"]
    assert {one["own"]["worker"], other["own"]["worker"]} == {0, 1}
    assert (one["participants"], other["participants"]) == (1, 1)
    assert one["own"]["pipes"][0]["other"] == other["shard"]
    assert one["own"]["pipes"][0]["connected"]
    assert not one["own"]["pipes"][0]["encrypted"]

    metrics = (await get(server, "/metrics")).text.splitlines()
    for line in (
        "miso_cluster_store_away 0.0",
        "miso_cluster_shards 2.0",
        'miso_cluster_pipes{connected="yes"} 2.0',
        "miso_cluster_copies 2.0",
        "miso_cluster_piped 2.0",
        "miso_cluster_participants_elsewhere 0.0",
    ):
        assert line in metrics
    for worker in "01":
        assert any(line.startswith(f'miso_worker_cpu{{worker="{worker}"}} ') for line in metrics)
        assert f'miso_worker_shards{{worker="{worker}"}} 1.0' in metrics
    await first.close()
    await second.close()


async def test_it_is_for_operators_only(server: DemoServer) -> None:
    assert (await get(server, "/api/cluster")).status_code == 200
    other_page = await get(server, "/api/cluster", sec_fetch_site="cross-site")
    assert (other_page.status_code, other_page.json()["success"]) == (403, False)
    through_a_proxy = await get(server, "/api/cluster", x_forwarded_for="192.0.2.1")
    assert through_a_proxy.status_code == 403


async def test_with_a_secret_it_is_for_who_brings_it(tmp_path: Path) -> None:
    settings = free_ports(tmp_path, live={"operators": {"secret": "s3cret"}}, no_live=True)
    server = DemoServer(settings)
    await server.start()
    try:
        without = await get(server, "/api/cluster")
        assert (without.status_code, without.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert (await get(server, "/api/cluster", authorization="Bearer s3cret")).status_code == 200
    finally:
        await server.close()


async def test_a_limit_that_is_none_is_refused_with_the_reason(server: DemoServer) -> None:
    for limit in ("-1", "501", "many", ""):
        answer = await get(server, f"/api/cluster?limit={limit}")
        assert answer.status_code == 400
        assert "limit is to be a number from 0 to 500" in answer.json()["message"]


async def test_however_many_look_a_report_is_made_twice_a_second_at_most() -> None:
    made: list[int] = []
    now_s = 0.0

    def report(limit: int) -> dict[str, object]:
        made.append(limit)
        return {"number": len(made)}

    api = ClusterApi(report, Operators(OperatorsSettings(), ()), lambda: now_s)
    transport = httpx.ASGITransport(Starlette(routes=api.routes), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        for _ in range(10):
            assert (await http.get("/api/cluster")).json()["data"] == {"number": 1}
        now_s = FRESH_S
        assert (await http.get("/api/cluster")).json()["data"] == {"number": 2}
        assert (await http.get("/api/cluster?limit=7")).json()["data"] == {"number": 3}
    assert made == [50, 50, 7]
