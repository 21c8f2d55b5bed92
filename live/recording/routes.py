"""Recordings over HTTP, for operators.

===============================  ===================================================
``GET /api/v1/recordings``        those that go on, and the latest that are over
``POST /api/v1/recordings``       ``{"path": "app/name", "format": "mp4"}`` begins one; 201
``GET /api/v1/recordings/ID``     one
``DELETE /api/v1/recordings/ID``  stops one; its file is completed
===============================  ===================================================
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from miso.live.operators.answers import NOT_FOUND, PREFIX, Check, WrongRequestError, done, of_operators, read_body
from miso.live.recording.recorder import Recorder
from miso.live.recording.recording import Recording
from miso.live.recording.settings import Format
from miso.live.streams.registry import MAX_PATH_LENGTH

_PATH = f"{PREFIX}/recordings"
_CREATED = 201
_ACCEPTED = 202
_MS_PER_S = 1_000


class _Start(BaseModel):
    """What a POST says."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(max_length=MAX_PATH_LENGTH)
    format: Format | None = None


def recording_routes(recorder: Recorder, check: Check) -> list[BaseRoute]:
    """The API.

    Args:
        recorder: All recordings.
        check: Raises DeniedError for a request that is no operator's.
    """

    def known(request: Request) -> Recording:
        recording = recorder.get(request.path_params["id"])
        if recording is None:
            raise WrongRequestError(NOT_FOUND, "there is no such recording")
        return recording

    async def list_all(request: Request) -> Response:
        shown = [_said(recording) for recording in [*recorder.running, *reversed(recorder.ended)]]
        return done({"recordings": shown, "total": len(shown)}, "the recordings")

    async def start(request: Request) -> Response:
        asked = await read_body(request, _Start)
        return done(_said(recorder.start(asked.path, asked.format)), "the recording has begun", _CREATED)

    async def get(request: Request) -> Response:
        return done(_said(known(request)), "the recording")

    async def stop(request: Request) -> Response:
        recording = known(request)
        recording.stop()
        return done(_said(recording), "the recording stops", _ACCEPTED)

    table = [("GET", "", list_all), ("POST", "", start), ("GET", "/{id}", get), ("DELETE", "/{id}", stop)]
    return [Route(f"{_PATH}{path}", of_operators(check, answer), methods=[method]) for method, path, answer in table]


def _said(recording: Recording) -> dict[str, object]:
    return {
        "id": recording.id,
        "path": recording.path,
        "format": recording.format.value,
        "state": recording.state.value,
        "detail": recording.detail,
        "leftOut": sorted(f"{track.kind.value} {track.number}" for track in recording.left_out),
        "startedAt": recording.started_s,
        "endedAt": recording.ended_s,
        "sizeBytes": recording.size_bytes,
        "durationSeconds": recording.duration_ms / _MS_PER_S,
        "files": [
            {
                "name": report.name,
                "sizeBytes": report.size_bytes,
                "durationSeconds": report.duration_ms / _MS_PER_S,
                "error": report.error,
                "closed": report.is_closed,
            }
            for report in recording.files
        ],
    }
