"""How routers are joined: one pair of pipe transports for each two of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from miso.controller.transports.pipe_transport import PipeTransport

Create = Callable[[], Awaitable[PipeTransport]]
"""Creates a pipe transport in a certain router."""

_Ends = dict[str, PipeTransport]
"""Both pipe transports of a pair, each by its router's id."""


class PipePairs:
    """A router's pairs of pipe transports, each of which is also one of another router's."""

    def __init__(self, router_id: str) -> None:
        self._router_id = router_id
        self._pairs: dict[str, asyncio.Task[_Ends]] = {}
        """Made or being made, by the other router's id; both routers hold the same task."""

    async def join(
        self, other: PipePairs, create_here: Create, create_there: Create
    ) -> tuple[PipeTransport, PipeTransport]:
        """The one pair for both routers, which concurrent calls in both directions share.

        Args:
            other: The other router's.
            create_here: Creates an end in this router, if there is no pair yet.
            create_there: Creates an end in the other one.

        Returns:
            The end in this router, and the end in the other one.
        """
        task = self._pairs.get(other._router_id)
        if task is None:
            task = asyncio.create_task(self._create(other, create_here, create_there))
            self._pairs[other._router_id] = other._pairs[self._router_id] = task
            task.add_done_callback(lambda task: self._keep_if_made(other, task))
        # One of several callers may be cancelled; the pair is for the others, too.
        ends = await asyncio.shield(task)
        return ends[self._router_id], ends[other._router_id]

    async def _create(self, other: PipePairs, create_here: Create, create_there: Create) -> _Ends:
        results = await asyncio.gather(create_here(), create_there(), return_exceptions=True)
        failure = next((result for result in results if isinstance(result, BaseException)), None)
        ends = [result for result in results if not isinstance(result, BaseException)]
        try:
            if failure is not None:
                raise failure
            here, there = ends
            await asyncio.gather(_connect(here, there), _connect(there, here))
        except BaseException:
            for end in ends:
                end.close()
            raise
        return {self._router_id: here, other._router_id: there}

    def _keep_if_made(self, other: PipePairs, task: asyncio.Task[_Ends]) -> None:
        if task.cancelled() or task.exception() is not None:
            self._forget(other)
            return
        here, there = task.result().values()
        here.observer.on("close", there.close)
        there.observer.on("close", here.close)
        here.observer.on("close", lambda: self._forget(other))
        if here.closed or there.closed:
            here.close()
            there.close()
            self._forget(other)

    def _forget(self, other: PipePairs) -> None:
        self._pairs.pop(other._router_id, None)
        other._pairs.pop(self._router_id, None)


async def _connect(end: PipeTransport, other: PipeTransport) -> None:
    await end.connect(ip=other.tuple.local_ip, port=other.tuple.local_port, srtp_parameters=other.srtp_parameters)
