"""The JSON API of operators, at the paths that Node-Media-Server's has where it has such a thing: ``/api/v1/…``."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from miso.live.engine.services import Live
from miso.live.errors import DeniedError, LimitError
from miso.live.operators.operators import FORBIDDEN, UNAUTHORIZED
from miso.live.sessions.session import Role
from miso.live.statistics.forms import Form, session_form, stream_form
from miso.live.statistics.history import History
from miso.live.statistics.rates import Rates
from miso.live.statistics.server_sent_events import Listeners
from miso.live.statistics.settings import StatisticsSettings
from miso.live.statistics.system import System

PREFIX: Final = "/api/v1"
MOST_SHOWN: Final = 1_000
"""Streams, sessions or records in one answer; ``limit`` and ``offset`` choose."""
_BAD_REQUEST: Final = 400
_NOT_FOUND: Final = 404
_UNAVAILABLE: Final = 503

Answer = Callable[[Request], Awaitable[Response]]
Item = TypeVar("Item")


class _Wrong(Exception):
    """A request that cannot be answered; the text says why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class StatisticsApi:
    """Answers operators.

    Attributes:
        listeners: Who listens to events.
        history: The sessions that are over.

    Args:
        live: What is shown.
        settings: How much is shown.
    """

    def __init__(self, live: Live, settings: StatisticsSettings) -> None:
        self.listeners = Listeners(live.events, settings.max_listeners)
        self.history = History(settings.history)
        self._live = live
        self._rates = Rates(live.unix_s)
        self._system = System(time.monotonic())

    @property
    def routes(self) -> list[BaseRoute]:
        """What it serves."""
        table: list[tuple[str, str, Answer]] = [
            ("GET", f"{PREFIX}/streams", self._streams),
            ("GET", f"{PREFIX}/streams/{{path:path}}", self._stream),
            ("DELETE", f"{PREFIX}/streams/{{path:path}}", self._end_stream),
            ("GET", f"{PREFIX}/sessions", self._sessions),
            ("GET", f"{PREFIX}/sessions/{{id}}", self._session),
            ("DELETE", f"{PREFIX}/sessions/{{id}}", self._kick),
            ("GET", f"{PREFIX}/history", self._history),
            ("GET", f"{PREFIX}/stats", self._stats),
            ("GET", f"{PREFIX}/events", self._events),
            ("GET", "/metrics", self._metrics),
        ]
        return [Route(path, self._guarded(answer), methods=[method]) for method, path, answer in table]

    def _guarded(self, answer: Answer) -> Answer:
        async def guarded(request: Request) -> Response:
            try:
                self._live.operators.check(request)
                response = await answer(request)
            except DeniedError as error:
                response = _said(UNAUTHORIZED if error.unauthorized else FORBIDDEN, str(error))
                if error.unauthorized:
                    response.headers["WWW-Authenticate"] = "Bearer"
            except _Wrong as error:
                response = _said(error.status, str(error))
            response.headers.setdefault("Cache-Control", "no-store")
            return response

        return guarded

    async def _streams(self, request: Request) -> Response:
        live = self._live
        self._rates.look(live.sessions)
        streams, total = _page(list(live.streams), request)
        shown = [stream_form(one, live.sessions.of(one.path), self._rates.of) for one in streams]
        return _done({"streams": shown, "total": total}, "the streams")

    async def _stream(self, request: Request) -> Response:
        path = request.path_params["path"]
        stream = self._live.streams.get(path)
        if stream is None:
            raise _Wrong(_NOT_FOUND, "there is no such stream")
        self._rates.look(self._live.sessions)
        return _done(stream_form(stream, self._live.sessions.of(path), self._rates.of), "the stream")

    async def _end_stream(self, request: Request) -> Response:
        """Kicks its publisher; who plays it learns that it is over."""
        path = request.path_params["path"]
        stream = self._live.streams.get(path)
        if stream is None:
            raise _Wrong(_NOT_FOUND, "there is no such stream")
        for session in self._live.sessions.of(path):
            if session.role is Role.PUBLISHER:
                session.kick()
        stream.close()
        return _done({"path": path}, "the stream has ended")

    async def _sessions(self, request: Request) -> Response:
        live = self._live
        self._rates.look(live.sessions)
        query = request.query_params
        chosen = live.sessions.of(query["path"]) if "path" in query else list(live.sessions)
        if "role" in query:
            chosen = [session for session in chosen if session.role.value == query["role"]]
        sessions, total = _page(chosen, request)
        shown = [session_form(one, self._rates.of(one), live.streams.get(one.path)) for one in sessions]
        return _done({"sessions": shown, "total": total}, "the sessions")

    async def _session(self, request: Request) -> Response:
        session = self._live.sessions.get(request.path_params["id"])
        if session is None:
            raise _Wrong(_NOT_FOUND, "there is no such session")
        self._rates.look(self._live.sessions)
        return _done(
            session_form(session, self._rates.of(session), self._live.streams.get(session.path)), "the session"
        )

    async def _kick(self, request: Request) -> Response:
        session = self._live.sessions.get(request.path_params["id"])
        if session is None:
            raise _Wrong(_NOT_FOUND, "there is no such session")
        session.kick()
        return _done({"id": session.id}, "the session has ended")

    async def _history(self, request: Request) -> Response:
        records, total = _page(self.history.records(), request)
        return _done({"records": records, "total": total}, "sessions that are over, the latest first")

    async def _stats(self, request: Request) -> Response:
        live = self._live
        self._rates.look(live.sessions)
        totals = live.sessions.totals().values()
        rates = [self._rates.of(session) for session in live.sessions]
        form: Form = {
            **self._system.form(),
            "sessions": {
                "total": len(live.sessions),
                "publishers": live.sessions.count(Role.PUBLISHER),
                "players": live.sessions.count(Role.PLAYER),
            },
            "streams": len(live.streams),
            "network": {
                "inBytes": sum(counts.bytes_in for counts in totals),
                "outBytes": sum(counts.bytes_out for counts in totals),
                "inBps": sum(rate.in_bps for rate in rates),
                "outBps": sum(rate.out_bps for rate in rates),
            },
            "time": round(live.unix_s() * 1000),
        }
        return _done(form, "the server's statistics")

    async def _events(self, request: Request) -> Response:
        try:
            self.listeners.check_room()
        except LimitError as error:
            raise _Wrong(_UNAVAILABLE, str(error)) from error
        headers = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
        return StreamingResponse(self.listeners.lines(), media_type="text/event-stream", headers=headers)

    async def _metrics(self, request: Request) -> Response:
        return Response(generate_latest(self._live.metrics), media_type=CONTENT_TYPE_LATEST)


def _page(items: list[Item], request: Request) -> tuple[list[Item], int]:
    """Those that a request wants, and how many there are."""
    offset = _number(request, "offset", 0, 10**9)
    limit = _number(request, "limit", MOST_SHOWN, MOST_SHOWN)
    return items[offset : offset + limit], len(items)


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= most):
        raise _Wrong(_BAD_REQUEST, f"{name} is to be a number from 0 to {most}")
    return int(text)


def _done(data: Form, message: str) -> Response:
    return JSONResponse({"success": True, "data": data, "message": message})


def _said(status: int, message: str) -> Response:
    return JSONResponse({"success": False, "data": {}, "message": message}, status)
