"""Takes each request of a client: admits it, hands it to who answers, counts it; says and logs what goes wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec
import orjson

from miso.controller import ControllerError
from miso.demo.limits.limiters import TokenBucket
from miso.demo.limits.per_client import (
    LOG_LINES_BURST,
    LOG_LINES_PER_S,
    MAX_AT_ONCE,
    MAX_REQUEST_BYTES,
    NEWS_BURST,
    NEWS_PER_S,
    REQUESTS_BURST,
    REQUESTS_PER_S,
    TOO_LARGE,
    TOO_MANY,
)
from miso.demo.metrics import Metrics
from miso.demo.rooms.dialect import Dialect
from miso.demo.rooms.requests.handler import Accept
from miso.demo.rooms.requests.table import REQUESTS
from miso.demo.rooms.room import Room
from miso.demo.rooms.session import PeerSession
from miso.protoo import IncomingRequest, Notification, RequestError

logger = logging.getLogger(__name__)

MAX_LOGGED_LENGTH = 300
"""Characters of what a client sent that get into one line of the log, or back to it."""


class RequestDispatcher:
    """Answers one client from its first message to its last."""

    def __init__(self, session: PeerSession, room: Room, metrics: Metrics) -> None:
        self._session = session
        self._room = room
        self._metrics = metrics
        self._in_progress = 0
        now_s = asyncio.get_running_loop().time()
        self._allowance = TokenBucket(REQUESTS_PER_S, REQUESTS_BURST, now_s)
        self._told_often = TokenBucket(NEWS_PER_S, NEWS_BURST, now_s)
        self._log_lines = TokenBucket(LOG_LINES_PER_S, LOG_LINES_BURST, now_s)
        session.peer.on("request", self._on_request)
        session.peer.on("notification", self._on_notification)

    def _on_request(self, request: IncomingRequest) -> None:
        self._take(request.method, request.data, request.accept, request.reject)

    def _on_notification(self, notification: Notification) -> None:
        """Clients of 2026 send as notifications what others send as requests."""
        if notification.method in REQUESTS:
            self._session.dialect.learn(Dialect.OF_2026)
        self._take(notification.method, notification.data, lambda data=None: None, lambda error: None)

    def _take(self, method: str, data: object, accept: Accept, reject: Callable[[BaseException], None]) -> None:
        """Begins with what the client asks for, or says at once that it asks too much."""
        if self._may_ask():
            self._session.start_task(self._counted(method, data, accept, reject))
        else:
            self._session.refused("requests")
            self._count(method, "rejected")
            reject(RequestError(TOO_MANY, "too many requests"))

    def _may_ask(self) -> bool:
        return self._allowance.take(asyncio.get_running_loop().time()) and self._in_progress < MAX_AT_ONCE

    async def _counted(
        self, method: str, data: object, accept: Accept, reject: Callable[[BaseException], None]
    ) -> None:
        self._in_progress += 1
        try:
            await self._answer(method, data, accept, reject)
        finally:
            self._in_progress -= 1

    async def _answer(self, method: str, data: object, accept: Accept, reject: Callable[[BaseException], None]) -> None:
        try:
            await self._dispatch(method, data, accept)
        except (RequestError, ControllerError, TypeError, ValueError) as error:
            self._log_failure(method, error)
            reject(error)
            self._count(method, "rejected")
        except Exception as error:  # noqa: BLE001
            # a bug of ours: the client gets its answer, the log the whole story
            self._log_failure(method, error, is_bug=True)
            reject(RequestError(500, "internal error"))
            self._count(method, "failed")
        else:
            self._count(method, "accepted")

    def _count(self, method: str, result: str) -> None:
        self._metrics.requests.labels(_known(method), result).inc()

    def _log_failure(self, method: str, error: Exception, *, is_bug: bool = False) -> None:
        """A client chooses what is in such errors, and how many there are: a line of it, and few of them."""
        if not self._log_lines.take(asyncio.get_running_loop().time()):
            return
        text = " ".join(str(error)[:MAX_LOGGED_LENGTH].splitlines())
        level = logging.ERROR if is_bug else logging.INFO
        who = (self._session.room_id, self._session.id, _known(method))
        logger.log(level, "room=%s peer=%s %s failed: %s", *who, text, exc_info=error if is_bug else None)

    async def _dispatch(self, method: str, data: object, accept: Accept) -> None:
        row = REQUESTS.get(method)
        if row is None:
            raise RequestError(500, f'unknown request.method "{method[:MAX_LOGGED_LENGTH]}"')
        if len(orjson.dumps(data)) > MAX_REQUEST_BYTES:
            raise RequestError(TOO_LARGE, f"{method} is larger than {MAX_REQUEST_BYTES} bytes")
        if row.needs_join and not self._session.joined:
            raise RequestError(500, "Peer not yet joined")
        if row.told_everybody and not self._told_often.take(asyncio.get_running_loop().time()):
            self._session.refused("news")
            raise RequestError(TOO_MANY, f"too many {method} in a short time: everybody is told of each")
        if row.answers_much and not self._told_often.take(asyncio.get_running_loop().time()):
            self._session.refused("large answers")
            raise RequestError(TOO_MANY, f"too many {method} in a short time")
        await row.handle(self._session, self._room, msgspec.convert(data, row.body), accept)


def _known(method: str) -> str:
    """Clients choose method names: unknown ones share one metric."""
    return method if method in REQUESTS else "unknown"
