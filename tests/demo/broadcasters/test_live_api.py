"""Live streams into rooms and back by HTTP: what programs ask, and what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from miso.demo.server import DemoServer
from tests.demo.bridged import bridged_server
from tests.demo.client import RoomClient
from tests.demo.conftest import ws_url
from tests.patience import PATIENCE_S

pytest.importorskip("av", reason="PyAV is missing")
flashes = pytest.importorskip("tests.live.bridge.flashes")
PATH = "live/obs"


@pytest.fixture
async def bridged(tmp_path: Path) -> AsyncIterator[Any]:
    """A server with live streams beside its rooms."""
    server = bridged_server(tmp_path, rooms={"max_bridges": 2})
    await server.start()
    assert server.live is not None
    address = server.urls[0].replace("localhost", "127.0.0.1")
    async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=60) as http:
        yield SimpleNamespace(live=server.live.live, http=http, server=server, url=ws_url(server))
    await server.close()


def publish(live: Any, **options: object) -> None:
    publication = live.streams.publish(PATH, lambda: None)
    for packet in flashes.flashes(0.5, **options):
        publication.write(packet)


async def test_a_stream_is_brought_in_shown_and_taken_out(bridged: Any) -> None:
    client = await RoomClient.connect(bridged.url, "r", "a")
    await client.join()
    publish(bridged.live)
    answer = await bridged.http.post("/rooms/r/live/streams", json={"stream": PATH, "displayName": "OBS"})
    assert answer.status_code == 200, answer.text
    bridge = answer.json()
    assert (bridge["direction"], bridge["state"], bridge["who"]) == ("toRoom", "running", "OBS")
    assert (await client.seen("newPeer"))["displayName"] == "OBS"
    await client.seen("newConsumer")
    shown = (await bridged.http.get("/rooms/r/live")).json()
    assert [one["id"] for one in shown] == [bridge["id"]]
    assert (await bridged.http.get("/rooms/other/live")).json() == []
    again = await bridged.http.post("/rooms/r/live/streams", json={"stream": PATH})
    assert (again.status_code, again.text) == (409, f"Error: {PATH} is bridged so already: {bridge['id']}")
    assert (await bridged.http.delete(f"/rooms/other/live/{bridge['id']}")).status_code == 404
    assert (await bridged.http.delete(f"/rooms/r/live/{bridge['id']}")).status_code == 200
    await client.seen("peerClosed")
    assert (await bridged.http.get("/rooms/r/live")).json() == []
    await client.close()


async def test_what_cannot_be_is_told_with_the_reason(bridged: Any) -> None:
    missing = await bridged.http.post("/rooms/r/live/streams", json={"stream": PATH})
    assert (missing.status_code, missing.text) == (404, f"Error: {PATH} is not published")
    publish(bridged.live, options={"bf": "3", "x264-params": "b-adapt=0:b-pyramid=normal"})
    refused = await bridged.http.post("/rooms/r/live/streams", json={"stream": PATH})
    assert refused.status_code == 409, refused.text
    assert "bframes=0" in refused.text
    nobody = await bridged.http.post("/rooms/empty/live/publications", json={})
    assert (nobody.status_code, nobody.text) == (409, "Error: there is no room 'empty' at the moment")


async def test_a_room_is_published(bridged: Any) -> None:
    client = await RoomClient.connect(bridged.url, "r", "a")
    await client.join()
    answer = await bridged.http.post("/rooms/r/live/publications", json={"who": "a"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["stream"] == "rooms/r/a"
    assert bridged.live.streams.get("rooms/r/a") is not None
    await client.close()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{}", "missing body.stream"),
        (b"[]", "Expected `object`"),
        (b'{"stream": 1}', "Expected `str`"),
        (b'{"stream": "a", "displayName": "' + b"x" * 257 + b'"}', "length <= 256"),
    ],
)
async def test_bodies_without_sense_are_refused(bridged: Any, body: bytes, reason: str) -> None:
    answer = await bridged.http.post(
        "/rooms/r/live/streams", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
    assert reason in answer.text


async def test_paths_of_no_use_and_too_many_bridges_are_refused(bridged: Any) -> None:
    path = await bridged.http.post("/rooms/r/live/streams", json={"stream": "a//b", "lasts": True})
    assert path.status_code == 409
    begun = [
        asyncio.create_task(bridged.http.post("/rooms/r/live/streams", json={"stream": f"a/{number}", "lasts": True}))
        for number in range(2)
    ]
    async with asyncio.timeout(PATIENCE_S):
        while len((await bridged.http.get("/rooms/r/live")).json()) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    more = await bridged.http.post("/rooms/r/live/streams", json={"stream": "a/3", "lasts": True})
    assert more.status_code == 503
    for task in begun:
        task.cancel()
    await asyncio.gather(*begun, return_exceptions=True)


async def test_web_pages_are_not_heard(bridged: Any) -> None:
    answer = await bridged.http.get("/rooms/r/live", headers={"Origin": bridged.server.urls[0]})
    assert answer.status_code == 403


async def test_without_a_live_side_nothing_is_bridged(server: DemoServer) -> None:
    address = server.urls[0].replace("localhost", "127.0.0.1")
    async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=PATIENCE_S) as http:
        assert (await http.get("/rooms/r/live")).status_code == 503
