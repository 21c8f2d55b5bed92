"""Requests that wait for something: no longer than their client does, and not beyond the server's end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from miso.live.errors import LiveError

T = TypeVar("T")


class GoneError(LiveError):
    """The client has closed its connection: nobody gets the answer."""


class ServerEndsError(LiveError):
    """The server ends before what is waited for has come."""


class WaitingRequests:
    """The requests of one plugin that wait. Whatever a request has sent behind its head is dropped meanwhile."""

    def __init__(self) -> None:
        self._working: set[asyncio.Task[Any]] = set()
        self._has_ended = False

    def __len__(self) -> int:
        return len(self._working)

    async def wait(self, request: Request, work: Coroutine[Any, Any, T]) -> T:
        """Does the work that an answer needs, and gives what it returns or raises.

        Args:
            request: Whose answer it is. Nobody else receives its events meanwhile.
            work: It is cancelled when nobody waits for it any more.

        Raises:
            GoneError: The client has gone.
            ServerEndsError: :meth:`end` was called.
        """
        if self._has_ended:
            work.close()
            raise ServerEndsError("the server ends")
        working = asyncio.create_task(work)
        leaving = asyncio.create_task(_leaves(request))
        self._working.add(working)
        try:
            await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                leaving.result()
                raise GoneError("the client has gone")
            if working.cancelled() and self._has_ended:
                raise ServerEndsError("the server ends")
            return working.result()
        finally:
            self._working.discard(working)
            for task in (working, leaving):
                task.cancel()
            await asyncio.gather(working, leaving, return_exceptions=True)

    def end(self) -> None:
        """Ends the waiting of all, and of who comes from now on."""
        self._has_ended = True
        for task in self._working:
            task.cancel()


async def _leaves(request: Request) -> None:
    """Returns when the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
