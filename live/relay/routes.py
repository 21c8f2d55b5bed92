"""Relays over HTTP, for operators, as Node-Media-Server has them.

=============================  ==================================================================================
``GET /api/v1/relay``           all: those of settings, operators and players, and some that have ended
``POST /api/v1/relay``          ``{"mode": "pull" or "push", "url": "rtmp://…", "streamPath": "/app/name"}``
``GET /api/v1/relay/KEY``       one, by its ``taskKey``: of a pull the stream's path, of a push ``push:`` and its id
``DELETE /api/v1/relay``        ``{"taskKey"}``, or ``{"mode", "url", "streamPath"}`` as given to POST, ends one
``DELETE /api/v1/relay/KEY``    the same
=============================  ==================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as HttpRoute

from miso.live.errors import RefusedError
from miso.live.operators.answers import (
    BAD_REQUEST,
    NOT_FOUND,
    PREFIX,
    Check,
    WrongRequestError,
    done,
    of_operators,
    read_body,
)
from miso.live.relay.relay import Direction, Relay, RelayState, Route, WantedBy
from miso.live.rtmp.url import RtmpUrl, read_url
from miso.live.sessions.session import Counts
from miso.live.streams.registry import check_path

_MS_PER_S: Final = 1_000
_CONNECTED: Final = (RelayState.CONNECTING, RelayState.RUNNING)


class Relays(Protocol):
    """All relays, as the API sees them: :class:`miso.live.relay.plugin.RelayPlugin`."""

    def __iter__(self) -> Iterator[Relay]: ...

    def ended(self) -> list[Relay]:
        """Those that have ended of themselves."""

    def begin(self, route: Route, first_pause_s: float | None = None) -> Relay:
        """One more."""

    async def end(self, relay: Relay) -> None:
        """One less."""


class _Asked(BaseModel):
    """What all requests may have."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class BeginRequest(_Asked):
    """What a POST says; times in milliseconds."""

    mode: Direction = Direction.PULL
    url: str
    stream_path: str
    reconnect: bool = True
    reconnect_interval: int | None = Field(None, ge=100, le=3_600_000)
    max_reconnect_attempts: int = Field(0, ge=0, le=1_000_000)  # 0: no limit

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        read_url(url)
        return url

    @field_validator("stream_path")
    @classmethod
    def _is_path(cls, given: str) -> str:
        path = given.removeprefix("/")
        try:
            check_path(path)
        except RefusedError as error:
            raise ValueError(str(error)) from error
        return path

    @property
    def most_failures(self) -> int | None:
        """After so many in a row it ends; None: never."""
        if not self.reconnect:
            return 1
        return self.max_reconnect_attempts + 1 if self.max_reconnect_attempts else None


class EndRequest(_Asked):
    """What a DELETE says."""

    task_key: str | None = None
    mode: Direction = Direction.PULL
    url: str | None = None
    stream_path: str | None = None


def relay_routes(relays: Relays, check: Check) -> list[BaseRoute]:
    """The API.

    Args:
        relays: All relays.
        check: Raises DeniedError for a request that is no operator's.
    """

    async def list_all(request: Request) -> Response:
        shown = [_form(relay) for relay in _all(relays)]
        return done(shown, "the relays", more={"count": len(shown)})

    async def begin(request: Request) -> Response:
        asked = await read_body(request, BeginRequest)
        route = Route(asked.mode, asked.stream_path, read_url(asked.url), WantedBy.OPERATOR, asked.most_failures)
        interval_ms = asked.reconnect_interval
        relay = relays.begin(route, None if interval_ms is None else interval_ms / _MS_PER_S)
        return done(_form(relay), "the relay has begun")

    async def get(request: Request) -> Response:
        return done(_form(_by_key(relays, request.path_params["key"])), "the relay")

    async def end(request: Request) -> Response:
        asked = await read_body(request, EndRequest)
        relay = _by_key(relays, asked.task_key) if asked.task_key is not None else _meant(relays, asked)
        await relays.end(relay)
        return done({"taskKey": _key(relay)}, "the relay has ended")

    async def end_by_key(request: Request) -> Response:
        relay = _by_key(relays, request.path_params["key"])
        await relays.end(relay)
        return done({"taskKey": _key(relay)}, "the relay has ended")

    table = [
        ("GET", "", list_all),
        ("POST", "", begin),
        ("DELETE", "", end),
        ("GET", "/{key:path}", get),
        ("DELETE", "/{key:path}", end_by_key),
    ]
    return [
        HttpRoute(f"{PREFIX}/relay{path}", of_operators(check, answer), methods=[method])
        for method, path, answer in table
    ]


def _key(relay: Relay) -> str:
    """One that is told to nobody but operators, and yet says nothing of the other server: its URL may have a key."""
    return f"/{relay.route.path}" if relay.route.direction is Direction.PULL else f"push:{relay.id}"


def _all(relays: Relays) -> list[Relay]:
    return list(relays) + relays.ended()


def _by_key(relays: Relays, key: str) -> Relay:
    for relay in _all(relays):
        if key in (_key(relay), _key(relay).removeprefix("/")):
            return relay
    raise WrongRequestError(NOT_FOUND, "there is no such relay")


def _meant(relays: Relays, asked: EndRequest) -> Relay:
    if asked.stream_path is None and asked.url is None:
        raise WrongRequestError(BAD_REQUEST, "taskKey, or streamPath or url, is needed")
    url = _url(asked.url)
    path = asked.stream_path.removeprefix("/") if asked.stream_path is not None else None
    for relay in _all(relays):
        route = relay.route
        if route.direction is asked.mode and path in (None, route.path) and url in (None, route.url):
            return relay
    raise WrongRequestError(NOT_FOUND, "there is no such relay")


def _url(given: str | None) -> RtmpUrl | None:
    try:
        return None if given is None else read_url(given)
    except ValueError as error:
        raise WrongRequestError(BAD_REQUEST, f"url: {error}") from error


def _form(relay: Relay) -> dict[str, object]:
    """As Node-Media-Server shows it; ``url`` ends before the stream's name there, which may be a key."""
    route, session = relay.route, relay.session
    counts = session.counts() if session is not None else Counts()
    return {
        "taskKey": _key(relay),
        "id": session.id if session is not None else None,
        "protocol": "rtmps" if route.url.is_tls else "rtmp",
        "mode": route.direction.value,
        "url": f"{route.url.tc_url}/…",
        "streamPath": f"/{route.path}",
        "path": route.path,
        "wantedBy": route.wanted_by.value,
        "state": relay.state.value,
        "reason": relay.reason,
        "isRunning": relay.state in _CONNECTED,
        "isClosing": False,
        "reconnectAttempts": relay.failures,
        "inBytes": counts.bytes_in,
        "outBytes": counts.bytes_out,
        "createTime": round(relay.opened_s * _MS_PER_S),
        "endTime": round(relay.ended_s * _MS_PER_S) if relay.ended_s is not None else None,
    }
