"""Recordings over HTTP, for operators.

===============================  ===================================================
``GET /api/v1/recordings``        those that go on, and the latest that are over
``POST /api/v1/recordings``       ``{"path": "app/name", "format": "mp4"}`` begins one; 201
``GET /api/v1/recordings/ID``     one
``DELETE /api/v1/recordings/ID``  stops one; its file is completed
===============================  ===================================================
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from miso.live.errors import DeniedError, LimitError, RefusedError
from miso.live.recording.recorder import Recorder
from miso.live.recording.recording import Recording
from miso.live.recording.settings import Format
from miso.live.streams.registry import MAX_PATH_LENGTH

_PATH = "/api/v1/recordings"
_MAX_BODY_SIZE = 4_096
_MS_PER_S = 1_000


class _Start(BaseModel):
    """What a POST says."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(max_length=MAX_PATH_LENGTH)
    format: Format | None = None


def recording_routes(recorder: Recorder, check: Callable[[Request], None]) -> list[BaseRoute]:
    """The API.

    Args:
        recorder: All recordings.
        check: Raises DeniedError for a request that is no operator's.
    """

    def of_operators(answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def checked(request: Request) -> Response:
            try:
                check(request)
            except DeniedError as error:
                return _refused(401 if error.unauthorized else 403, str(error))
            return await answer(request)

        return checked

    async def list_all(request: Request) -> Response:
        recordings = [*recorder.running, *reversed(recorder.ended)]
        return JSONResponse({"recordings": [_said(recording) for recording in recordings]})

    async def start(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_BODY_SIZE:
                return _refused(413, f"the request has more than {_MAX_BODY_SIZE} bytes")
        try:
            asked = _Start.model_validate_json(body)
            recording = recorder.start(asked.path, asked.format)
        except ValidationError as error:
            return _refused(400, "; ".join(_problem(problem["loc"], problem["msg"]) for problem in error.errors()))
        except LimitError as error:
            return _refused(503, str(error))
        except RefusedError as error:
            return _refused(409, str(error))
        return JSONResponse(_said(recording), 201)

    async def get(request: Request) -> Response:
        recording = recorder.get(request.path_params["id"])
        return JSONResponse(_said(recording)) if recording is not None else _refused(404, "there is no such recording")

    async def stop(request: Request) -> Response:
        recording = recorder.get(request.path_params["id"])
        if recording is None:
            return _refused(404, "there is no such recording")
        recording.stop()
        return JSONResponse(_said(recording), 202)

    return [
        Route(_PATH, of_operators(list_all), methods=["GET"]),
        Route(_PATH, of_operators(start), methods=["POST"]),
        Route(f"{_PATH}/{{id}}", of_operators(get), methods=["GET"]),
        Route(f"{_PATH}/{{id}}", of_operators(stop), methods=["DELETE"]),
    ]


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


def _refused(status: int, reason: str) -> Response:
    return JSONResponse({"error": reason}, status)


def _problem(place: tuple[int | str, ...], what: str) -> str:
    return f"{'.'.join(str(step) for step in place) or 'the request'}: {what}"
