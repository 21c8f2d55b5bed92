"""Recordings under Node-Media-Server's addresses: begun and stopped by stream, listed, downloaded, removed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request

from miso.live.errors import DeniedError
from miso.live.recording.record_routes import RecordRoutes
from tests.live.mp4.mp4_file import packets_of_flv
from tests.live.recording.studio import PATH, Studio

pytest.importorskip("av", reason="PyAV is missing")
encoder = pytest.importorskip("tests.live.media.encoder")
OPERATOR = {"Authorization": "Bearer right"}
OF_STREAM = f"/api/v1/streams/{PATH}/record"
RECORDS = "/api/v1/records"


def check(request: Request) -> None:
    if request.headers.get("authorization") != OPERATOR["Authorization"]:
        raise DeniedError("operators only", unauthorized=False)


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path, format="flv")


@pytest_asyncio.fixture
async def http(studio: Studio, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=RecordRoutes(studio.recorder, tmp_path, check).routes)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://host", headers=OPERATOR) as client:
        yield client
    await studio.recorder.close()


async def data(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def recorded(studio: Studio, http: httpx.AsyncClient) -> str:
    """Records two seconds, as a client of Node-Media-Server does; gives the id."""
    id = str((await data(await http.post(OF_STREAM)))["recordId"])
    await studio.send(packets_of_flv(encoder.encode("libx264", "aac", frames=50)))
    await data(await http.delete(OF_STREAM))
    recording = studio.recorder.get(id)
    assert recording is not None
    await asyncio.wait_for(recording.wait(), 60)
    return id


async def test_a_recording_is_begun_watched_and_stopped_by_its_stream(studio: Studio, http: httpx.AsyncClient) -> None:
    assert await data(await http.get(OF_STREAM)) == {"recording": False}
    begun = await data(await http.post(OF_STREAM))
    going_on = await data(await http.get(OF_STREAM))
    assert (going_on["recording"], going_on["recordId"]) == (True, begun["recordId"])
    (record,) = (await data(await http.get(f"{RECORDS}?status=recording")))["items"]
    assert (record["id"], record["streamPath"], record["endTime"]) == (begun["recordId"], f"/{PATH}", 0)
    assert (await http.post(OF_STREAM)).status_code == 409
    assert (await http.get(f"{RECORDS}/{begun['recordId']}/download")).status_code == 409
    assert (await http.delete(f"{RECORDS}/{begun['recordId']}")).status_code == 409
    await data(await http.delete(OF_STREAM))
    assert (await http.delete(OF_STREAM)).status_code == 400


async def test_a_recording_that_is_over_is_listed_downloaded_and_removed(
    studio: Studio, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    id = await recorded(studio, http)
    listed = await data(await http.get(f"{RECORDS}?streamPath=/{PATH}&status=done"))
    (record,) = listed["items"]
    assert (record["id"], record["status"], record["app"], record["name"]) == (id, "done", "live", "camera")
    assert (listed["count"], listed["totalSize"]) == (1, record["size"])
    assert listed["totalDuration"] == record["duration"] == pytest.approx(2_000, abs=200)
    file = tmp_path / record["filePath"]
    download = await http.get(f"{RECORDS}/{id}/download")
    assert download.content == file.read_bytes()
    assert (download.headers["content-type"], file.name in download.headers["content-disposition"]) == (
        "video/x-flv",
        True,
    )
    assert (await http.get(f"{RECORDS}/{id}/download?part=2")).status_code == 404
    await data(await http.delete(f"{RECORDS}/{id}?file=true"))
    assert not file.exists()
    assert (await http.get(f"{RECORDS}/{id}")).status_code == 404


async def test_a_recording_is_forgotten_without_its_file(
    studio: Studio, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    id = await recorded(studio, http)
    file = tmp_path / (await data(await http.get(f"{RECORDS}/{id}")))["filePath"]
    assert (await http.delete(f"{RECORDS}/{id}")).json()["fileDeleted"] is False
    assert file.exists()
    assert (await data(await http.get(RECORDS)))["items"] == []


async def test_a_file_that_somebody_has_removed_is_told(
    studio: Studio, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    id = await recorded(studio, http)
    (tmp_path / (await data(await http.get(f"{RECORDS}/{id}")))["filePath"]).unlink()
    assert (await http.get(f"{RECORDS}/{id}/download")).status_code == 404
    await data(await http.delete(f"{RECORDS}/{id}?file=true"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", OF_STREAM),
        ("POST", OF_STREAM),
        ("DELETE", OF_STREAM),
        ("GET", RECORDS),
        ("GET", f"{RECORDS}/x"),
        ("GET", f"{RECORDS}/x/download"),
        ("DELETE", f"{RECORDS}/x"),
    ],
)
async def test_nobody_else_may(studio: Studio, http: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await http.request(method, path, headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 403
    assert studio.recorder.running == []
