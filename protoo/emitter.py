"""The event emitter of protoo's objects: a listener's failure has one place to go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from pyee import EventEmitter

from miso.protoo.incoming_request import INTERNAL_ERROR, IncomingRequest

logger = logging.getLogger(__name__)


class ProtooEmitter(EventEmitter):
    """Emits to plain functions and to coroutine functions, which run as tasks.

    What a listener raises does not reach who emits. A listener of ``request`` that raises rejects the request (see
    :meth:`miso.protoo.incoming_request.IncomingRequest.reject`); any other failure is logged.
    """

    def __init__(self) -> None:
        super().__init__()
        self._running: set[asyncio.Task[None]] = set()

    def _emit_request(self, request: IncomingRequest) -> None:
        if not self.emit("request", request):
            request.reject(INTERNAL_ERROR, 'no listeners for "request" event')

    def _emit_run(self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Calls one listener: pyee's hook for how its emitters run listeners."""
        try:
            result = f(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - a listener may raise anything
            self._listener_failed(error, args)
            return
        if asyncio.iscoroutine(result):
            task = asyncio.ensure_future(result)
            self._running.add(task)
            task.add_done_callback(lambda done: self._listener_done(done, args))

    def _listener_done(self, task: asyncio.Task[None], args: tuple[Any, ...]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._listener_failed(error, args)

    def _listener_failed(self, error: BaseException, args: tuple[Any, ...]) -> None:
        request = args[0] if args else None
        if isinstance(request, IncomingRequest):
            logger.debug("request listener raised: method=%s", request.method, exc_info=error)
            request.reject(error)
        else:
            logger.error("listener failed", exc_info=error)
