"""How producers get from one router to another: pairs of pipe transports, one for each pair of routers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from miso.controller.data.data_consumer import DataConsumer
from miso.controller.data.data_producer import DataProducer
from miso.controller.errors import InvalidStateError
from miso.controller.media.consumer import Consumer
from miso.controller.media.producer import Producer

if TYPE_CHECKING:
    from miso.controller.router import Router
    from miso.controller.transports.pipe_transport import PipeTransport

_logger = logging.getLogger(__name__)


class PipeToRouterResult(NamedTuple):
    """The two ends of what was piped, either of a producer or of a data producer.

    Attributes:
        pipe_consumer: In the router that has the producer.
        pipe_producer: In the other one.
        pipe_data_consumer: In the router that has the data producer.
        pipe_data_producer: In the other one.
    """

    pipe_consumer: Consumer | None = None
    pipe_producer: Producer | None = None
    pipe_data_consumer: DataConsumer | None = None
    pipe_data_producer: DataProducer | None = None


Pair = dict[str, "PipeTransport"]
"""Both pipe transports, by their router's id."""


class PipePairs:
    """A router's pipe transports to other routers."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._pairs: dict[str, asyncio.Task[Pair]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def pipe(
        self,
        remote: Router,
        producer_id: str | None,
        data_producer_id: str | None,
        create: Callable[[Router], Awaitable[PipeTransport]],
    ) -> PipeToRouterResult:
        """Makes a producer or data producer known in another router; see ``Router.pipe_to_router``."""
        router = self._router
        if not producer_id and not data_producer_id:
            raise TypeError("missing producer_id or data_producer_id")
        if producer_id and data_producer_id:
            raise TypeError("just producer_id or data_producer_id can be given")
        if not remote:
            raise TypeError("Router not found")
        if remote is router:
            raise TypeError("cannot use this Router as destination")
        producer = router.producer(producer_id) if producer_id else None
        data_producer = router.data_producer(data_producer_id) if data_producer_id else None
        if producer is None and data_producer is None:
            raise TypeError("Producer not found" if producer_id else "DataProducer not found")
        pair = await self._pair_with(remote, create)
        local_end, remote_end = pair[router.id], pair[remote.id]
        if producer is not None:
            return await self._pipe_producer(producer, local_end, remote_end)
        assert data_producer is not None
        return await self._pipe_data_producer(data_producer, local_end, remote_end)

    async def _pair_with(self, remote: Router, create: Callable[[Router], Awaitable[PipeTransport]]) -> Pair:
        """The one pair for both routers, which concurrent calls in both directions share."""
        task = self._pairs.get(remote.id)
        if task is None:
            task = asyncio.create_task(_create_pair(self._router, remote, create))
            self._pairs[remote.id] = remote.pipes._pairs[self._router.id] = task
            task.add_done_callback(lambda task: self._keep_if_made(remote, task))
        # One of several callers may be cancelled; the pair is for the others, too.
        return await asyncio.shield(task)

    def _keep_if_made(self, remote: Router, task: asyncio.Task[Pair]) -> None:
        if task.cancelled() or task.exception() is not None:
            self._forget(remote)
            return
        local_end, remote_end = task.result().values()
        for end, other in ((local_end, remote_end), (remote_end, local_end)):
            end.observer.on("close", other.close)
        local_end.observer.on("close", lambda: self._forget(remote))
        if local_end.closed or remote_end.closed:
            local_end.close()
            remote_end.close()
            self._forget(remote)

    def _forget(self, remote: Router) -> None:
        self._pairs.pop(remote.id, None)
        remote.pipes._pairs.pop(self._router.id, None)

    async def _pipe_producer(
        self, producer: Producer, local_end: PipeTransport, remote_end: PipeTransport
    ) -> PipeToRouterResult:
        consumer = await local_end.consume(producer_id=producer.id)
        try:
            copy = await remote_end.produce(
                id=producer.id,
                kind=consumer.kind,
                rtp_parameters=consumer.rtp_parameters,
                paused=consumer.producer_paused,
                app_data=producer.app_data,
            )
        except BaseException:
            consumer.close()
            raise
        try:
            # All of it may have changed meanwhile.
            while copy.paused != producer.paused and not producer.closed:
                await (copy.pause() if producer.paused else copy.resume())
            if producer.closed or consumer.closed:
                raise InvalidStateError("original Producer closed")
        except BaseException:
            consumer.close()
            copy.close()
            raise
        consumer.observer.on("close", copy.close)
        consumer.observer.on("pause", lambda: self._follow(copy, paused=True))
        consumer.observer.on("resume", lambda: self._follow(copy, paused=False))
        copy.observer.on("close", consumer.close)
        return PipeToRouterResult(pipe_consumer=consumer, pipe_producer=copy)

    async def _pipe_data_producer(
        self, producer: DataProducer, local_end: PipeTransport, remote_end: PipeTransport
    ) -> PipeToRouterResult:
        consumer = await local_end.consume_data(data_producer_id=producer.id)
        try:
            copy = await remote_end.produce_data(
                id=producer.id,
                sctp_stream_parameters=consumer.sctp_stream_parameters,
                label=consumer.label,
                protocol=consumer.protocol,
                app_data=producer.app_data,
            )
        except BaseException:
            consumer.close()
            raise
        if producer.closed or consumer.closed:
            consumer.close()
            copy.close()
            raise InvalidStateError("original DataProducer closed")
        consumer.observer.on("close", copy.close)
        copy.observer.on("close", consumer.close)
        return PipeToRouterResult(pipe_data_consumer=consumer, pipe_data_producer=copy)

    def _follow(self, copy: Producer, *, paused: bool) -> None:
        """Pauses or resumes the copy when its original was."""

        async def follow() -> None:
            try:
                await (copy.pause() if paused else copy.resume())
            except InvalidStateError:
                _logger.debug("producer=%s closed before it could follow its original", copy.id)

        task = asyncio.create_task(follow())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _create_pair(
    local: Router, remote: Router, create: Callable[[Router], Awaitable[PipeTransport]]
) -> dict[str, PipeTransport]:
    results = await asyncio.gather(create(local), create(remote), return_exceptions=True)
    failure = next((result for result in results if isinstance(result, BaseException)), None)
    ends = [result for result in results if not isinstance(result, BaseException)]
    try:
        if failure is not None:
            raise failure
        local_end, remote_end = ends
        await asyncio.gather(_connect(local_end, remote_end), _connect(remote_end, local_end))
    except BaseException:
        for end in ends:
            end.close()
        raise
    return {local.id: local_end, remote.id: remote_end}


async def _connect(end: PipeTransport, other: PipeTransport) -> None:
    await end.connect(ip=other.tuple.local_ip, port=other.tuple.local_port, srtp_parameters=other.srtp_parameters)
