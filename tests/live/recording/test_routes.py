"""Operators start, list and stop recordings over HTTP; nobody else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request

from miso.live.errors import DeniedError
from miso.live.recording.routes import recording_routes
from tests.live.mp4.mp4_file import packets_of_flv
from tests.live.recording.studio import PATH, Studio

pytest.importorskip("av", reason="PyAV is missing")
encoder = pytest.importorskip("tests.live.media.encoder")
URL = "http://host/api/v1/recordings"
OPERATOR = {"Authorization": "Bearer right"}


def check(request: Request) -> None:
    if request.headers.get("authorization") != OPERATOR["Authorization"]:
        raise DeniedError("operators only", unauthorized=False)


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


@pytest_asyncio.fixture
async def http(studio: Studio) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=recording_routes(studio.recorder, check))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), headers=OPERATOR) as client:
        yield client
    await studio.recorder.close()


async def test_a_recording_from_beginning_to_end(studio: Studio, http: httpx.AsyncClient) -> None:
    answer = await http.post(URL, json={"path": PATH, "format": "flv"})
    assert answer.status_code == 201
    begun = answer.json()["data"]
    assert (begun["path"], begun["format"], begun["state"], begun["endedAt"]) == (PATH, "flv", "waiting", None)
    await studio.send(packets_of_flv(encoder.encode("libx264", "aac", frames=50)))
    going_on = (await http.get(f"{URL}/{begun['id']}")).json()["data"]
    assert going_on["state"] == "recording"
    assert going_on["sizeBytes"] > 0
    assert (await http.delete(f"{URL}/{begun['id']}")).status_code == 202
    recording = studio.recorder.get(begun["id"])
    assert recording is not None
    await asyncio.wait_for(recording.wait(), 60)
    (listed,) = (await http.get(URL)).json()["data"]["recordings"]
    assert (listed["state"], listed["detail"], listed["leftOut"]) == ("done", "stopped", [])
    assert listed["durationSeconds"] == pytest.approx(2, abs=0.2)
    (file,) = listed["files"]
    assert (file["error"], file["closed"], file["sizeBytes"]) == ("", True, listed["sizeBytes"])
    assert file["name"].startswith(PATH)


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", ""), ("GET", "/x"), ("DELETE", "/x")])
async def test_nobody_else_may(studio: Studio, http: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await http.request(method, URL + path, headers={"Authorization": "Bearer wrong"}, json={"path": PATH})
    assert (answer.status_code, answer.json()["message"]) == (403, "operators only")
    assert studio.recorder.running == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{}", 400),
        (b'{"path": 5}', 400),
        (b'{"path": "live/camera", "format": "avi"}', 400),
        (b'{"path": "live/camera", "other": 1}', 400),
        (b'{"path": "../x"}', 409),
        (b"[" * 3_000, 400),
        (b" " * 5_000, 413),
    ],
)
async def test_what_cannot_be_recorded(studio: Studio, http: httpx.AsyncClient, body: bytes, status: int) -> None:
    answer = await http.post(URL, content=body)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert studio.recorder.running == []


async def test_the_same_twice_is_a_conflict(http: httpx.AsyncClient) -> None:
    assert (await http.post(URL, json={"path": PATH})).status_code == 201
    assert (await http.post(URL, json={"path": PATH})).status_code == 409


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_what_is_not_there(http: httpx.AsyncClient, method: str) -> None:
    assert (await http.request(method, f"{URL}/0123")).status_code == 404
