"""Recordings over HTTP under the addresses and names that Node-Media-Server has for them, for operators.

=====================================  ==========================================================================
``GET /api/v1/streams/PATH/record``     whether the stream is being recorded
``POST /api/v1/streams/PATH/record``    begins
``DELETE /api/v1/streams/PATH/record``  stops; the file is completed
``GET /api/v1/records``                 all, the latest first; ``?page=&pageSize=&streamPath=&status=`` choose
``GET /api/v1/records/ID``              one
``GET /api/v1/records/ID/download``     its file once it is over: ``?part=2`` and so on where it has more than one
``DELETE /api/v1/records/ID``           forgets it once it is over; with ``?file=true`` its files are removed, too
=====================================  ==========================================================================
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from miso.live.operators.answers import (
    BAD_REQUEST,
    CONFLICT,
    NOT_FOUND,
    PREFIX,
    Check,
    WrongRequestError,
    done,
    number,
    of_operators,
)
from miso.live.recording.recorder import Recorder
from miso.live.recording.recording import Recording, State

_MS_PER_S: Final = 1_000
_DEFAULT_PAGE_SIZE: Final = 20
_MAX_PAGE_SIZE: Final = 100
_MAX_PAGE: Final = 1_000_000
_OVER: Final = (State.DONE, State.FAILED)
_TYPES: Final = {".mp4": "video/mp4", ".flv": "video/x-flv"}


class RecordRoutes:
    """Answers.

    Args:
        recorder: All recordings.
        folder: Where their files are.
        check: Raises DeniedError for a request that is no operator's.
    """

    def __init__(self, recorder: Recorder, folder: Path, check: Check) -> None:
        self._recorder = recorder
        self._folder = folder
        of_stream = f"{PREFIX}/streams/{{path:path}}/record"
        table = [
            ("GET", of_stream, self._of_stream),
            ("POST", of_stream, self._begin),
            ("DELETE", of_stream, self._stop),
            ("GET", f"{PREFIX}/records", self._list),
            ("GET", f"{PREFIX}/records/{{id}}", self._get),
            ("GET", f"{PREFIX}/records/{{id}}/download", self._download),
            ("DELETE", f"{PREFIX}/records/{{id}}", self._forget),
        ]
        self.routes: list[BaseRoute] = [
            Route(path, of_operators(check, answer), methods=[method]) for method, path, answer in table
        ]

    async def _of_stream(self, request: Request) -> Response:
        recording = self._running(request.path_params["path"])
        if recording is None:
            return done({"recording": False}, "the stream is not being recorded")
        return done({"recording": True, **_begun(recording)}, "the stream is being recorded")

    async def _begin(self, request: Request) -> Response:
        return done(_begun(self._recorder.start(request.path_params["path"])), "the recording has begun")

    async def _stop(self, request: Request) -> Response:
        recording = self._running(request.path_params["path"])
        if recording is None:
            raise WrongRequestError(BAD_REQUEST, "the stream is not being recorded")
        recording.stop()
        return done({"recordId": recording.id}, "the recording stops")

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        path, status = query.get("streamPath"), query.get("status")
        records = [_record(recording) for recording in [*self._recorder.running, *reversed(self._recorder.ended)]]
        if path:
            records = [record for record in records if record["streamPath"] == "/" + path.removeprefix("/")]
        if status:
            records = [record for record in records if record["status"] == status]
        page = number(request, "page", 1, _MAX_PAGE, least=1)
        page_size = number(request, "pageSize", _DEFAULT_PAGE_SIZE, _MAX_PAGE_SIZE, least=1)
        data = {
            "items": records[(page - 1) * page_size : page * page_size],
            "count": len(records),
            "page": page,
            "pageSize": page_size,
            "totalDuration": sum(int(str(record["duration"])) for record in records),
            "totalSize": sum(int(str(record["size"])) for record in records),
        }
        return done(data, "the recordings, the latest first")

    async def _get(self, request: Request) -> Response:
        return done(_record(self._known(request)), "the recording")

    async def _download(self, request: Request) -> Response:
        recording = self._over(request)
        part = number(request, "part", 1, _MAX_PAGE, least=1)
        if part > len(recording.files) or not (name := recording.files[part - 1].name):
            raise WrongRequestError(NOT_FOUND, "the recording has no such file")
        file = self._folder / name
        if not await asyncio.to_thread(file.is_file):
            raise WrongRequestError(NOT_FOUND, "the recording's file has been removed")
        return FileResponse(file, media_type=_TYPES.get(file.suffix), filename=file.name)

    async def _forget(self, request: Request) -> Response:
        recording = self._over(request)
        with_files = request.query_params.get("file") == "true"
        if with_files:
            try:
                await asyncio.to_thread(self._remove_files, recording)
            except OSError as error:
                raise WrongRequestError(CONFLICT, f"its files cannot be removed: {error.strerror}") from error
        self._recorder.forget(recording)
        return done({"id": recording.id}, "the recording is forgotten", more={"fileDeleted": with_files})

    def _remove_files(self, recording: Recording) -> None:
        for report in recording.files:
            if report.name:
                (self._folder / report.name).unlink(missing_ok=True)

    def _running(self, path: str) -> Recording | None:
        running = [one for one in self._recorder.running if one.path == path and not one.detail]
        return running[0] if running else None

    def _known(self, request: Request) -> Recording:
        recording = self._recorder.get(request.path_params["id"])
        if recording is None:
            raise WrongRequestError(NOT_FOUND, "there is no such recording")
        return recording

    def _over(self, request: Request) -> Recording:
        recording = self._known(request)
        if recording.state not in _OVER:
            raise WrongRequestError(CONFLICT, "the recording goes on; stop it first")
        return recording


def _begun(recording: Recording) -> dict[str, object]:
    return {
        "recordId": recording.id,
        "filePath": _first_file(recording),
        "startTime": round(recording.started_s * _MS_PER_S),
    }


def _record(recording: Recording) -> dict[str, object]:
    app, _, name = recording.path.rpartition("/")
    return {
        "id": recording.id,
        "streamPath": f"/{recording.path}",
        "app": app,
        "name": name,
        "filePath": _first_file(recording),
        "files": [report.name for report in recording.files if report.name],
        "startTime": round(recording.started_s * _MS_PER_S),
        "endTime": round(recording.ended_s * _MS_PER_S) if recording.ended_s is not None else 0,
        "duration": round(recording.duration_ms),
        "size": recording.size_bytes,
        "status": "done" if recording.state in _OVER else "recording",
        "detail": recording.detail,
    }


def _first_file(recording: Recording) -> str:
    """In the folder of recordings; empty: it has none yet."""
    return next((report.name for report in recording.files if report.name), "")
