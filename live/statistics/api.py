"""The JSON API of operators, at the paths that Node-Media-Server's has where it has such a thing: ``/api/v1/…``."""

from __future__ import annotations

import time
from typing import Final, TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from miso.live.engine.services import Live
from miso.live.operators.answers import NOT_FOUND, PREFIX, Answer, WrongRequestError, done, number, of_operators
from miso.live.sessions.session import Role
from miso.live.statistics.addresses import DEFAULT_TTL_S, MAX_TTL_S, addresses_form
from miso.live.statistics.forms import Form, session_form, stream_form
from miso.live.statistics.history import History, read_query
from miso.live.statistics.rates import Rates
from miso.live.statistics.server_forms import health_form, info_form, iso_time
from miso.live.statistics.server_sent_events import EventStream, Listeners
from miso.live.statistics.settings import StatisticsSettings
from miso.live.statistics.system import System
from miso.live.streams.registry import check_path

MOST_SHOWN: Final = 1_000
"""Streams, sessions or records in one answer; ``limit`` and ``offset`` choose."""

Item = TypeVar("Item")


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
            ("GET", f"{PREFIX}/streams/{{path:path}}/urls", self._urls),
            ("GET", f"{PREFIX}/streams/{{path:path}}", self._stream),
            ("DELETE", f"{PREFIX}/streams/{{path:path}}", self._end_stream),
            ("GET", f"{PREFIX}/sessions", self._sessions),
            ("GET", f"{PREFIX}/sessions/{{id}}", self._session),
            ("DELETE", f"{PREFIX}/sessions/{{id}}", self._kick),
            ("GET", f"{PREFIX}/history", self._history),
            ("DELETE", f"{PREFIX}/history", self._forget_history),
            ("GET", f"{PREFIX}/info", self._info),
            ("GET", f"{PREFIX}/stats", self._stats),
            ("GET", f"{PREFIX}/events", self._events),
            ("GET", "/metrics", self._metrics),
        ]
        check = self._live.operators.check
        of_all = Route(f"{PREFIX}/health", self._health, methods=["GET"])
        return [of_all, *(Route(path, of_operators(check, answer), methods=[method]) for method, path, answer in table)]

    async def _health(self, request: Request) -> Response:
        """For who watches over servers, whoever that is: it has nothing that a stranger may not know."""
        return done(health_form(self._live.unix_s()), "the server answers")

    async def _info(self, request: Request) -> Response:
        return done(info_form(self._live, self._system.uptime_s), "the server")

    async def _streams(self, request: Request) -> Response:
        live = self._live
        self._rates.look(live.sessions)
        streams, total = _page(list(live.streams), request)
        shown = [stream_form(one, live.sessions.of(one.path), self._rates.of) for one in streams]
        return done({"streams": shown, "total": total}, "the streams")

    async def _stream(self, request: Request) -> Response:
        path = request.path_params["path"]
        stream = self._live.streams.get(path)
        if stream is None:
            raise WrongRequestError(NOT_FOUND, "there is no such stream")
        self._rates.look(self._live.sessions)
        return done(stream_form(stream, self._live.sessions.of(path), self._rates.of), "the stream")

    async def _end_stream(self, request: Request) -> Response:
        """Kicks its publisher; who plays it learns that it is over."""
        path = request.path_params["path"]
        stream = self._live.streams.get(path)
        if stream is None:
            raise WrongRequestError(NOT_FOUND, "there is no such stream")
        for session in self._live.sessions.of(path):
            if session.role is Role.PUBLISHER:
                session.kick()
        stream.close()
        return done({"path": path}, "the stream has ended")

    async def _sessions(self, request: Request) -> Response:
        live = self._live
        self._rates.look(live.sessions)
        query = request.query_params
        chosen = live.sessions.of(query["path"]) if "path" in query else list(live.sessions)
        if "role" in query:
            chosen = [session for session in chosen if session.role.value == query["role"]]
        sessions, total = _page(chosen, request)
        shown = [session_form(one, self._rates.of(one), live.streams.get(one.path)) for one in sessions]
        return done({"sessions": shown, "total": total}, "the sessions")

    async def _session(self, request: Request) -> Response:
        session = self._live.sessions.get(request.path_params["id"])
        if session is None:
            raise WrongRequestError(NOT_FOUND, "there is no such session")
        self._rates.look(self._live.sessions)
        return done(session_form(session, self._rates.of(session), self._live.streams.get(session.path)), "the session")

    async def _kick(self, request: Request) -> Response:
        session = self._live.sessions.get(request.path_params["id"])
        if session is None:
            raise WrongRequestError(NOT_FOUND, "there is no such session")
        session.kick()
        return done({"id": session.id}, "the session has ended")

    async def _history(self, request: Request) -> Response:
        return done(self.history.page(read_query(request)), "sessions that are over, the latest first")

    async def _forget_history(self, request: Request) -> Response:
        path = request.query_params.get("streamPath")
        removed = self.history.forget(path.removeprefix("/") if path is not None else None)
        return done({"removed": removed}, f"{removed} sessions are forgotten")

    async def _urls(self, request: Request) -> Response:
        path = request.path_params["path"]
        check_path(path)
        ttl_s = number(request, "ttl", DEFAULT_TTL_S, MAX_TTL_S)
        host = request.url.hostname or "127.0.0.1"
        return done(addresses_form(self._live, host, path, ttl_s), "where the stream is played")

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
            "timestamp": iso_time(live.unix_s()),
        }
        return done(form, "the server's statistics")

    async def _events(self, request: Request) -> Response:
        return EventStream(self.listeners.listen())

    async def _metrics(self, request: Request) -> Response:
        return Response(generate_latest(self._live.metrics), media_type=CONTENT_TYPE_LATEST)


def _page(items: list[Item], request: Request) -> tuple[list[Item], int]:
    """Those that a request wants, and how many there are."""
    offset = number(request, "offset", 0, 10**9)
    limit = number(request, "limit", MOST_SHOWN, MOST_SHOWN)
    return items[offset : offset + limit], len(items)
