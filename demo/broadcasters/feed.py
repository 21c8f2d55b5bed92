"""What a broadcaster is sent, kept up: when a pipe or another host is lost, it goes on as soon as that is back."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

from miso.cluster.errors import ClusterError, SourceGoneError, SourceLateError
from miso.cluster.shard.wants import Lease
from miso.controller import Consumer, ControllerError, DataConsumer, DataProducer, Producer
from miso.demo.rooms.broadcaster import Broadcaster
from miso.demo.rooms.room_shard import RoomShard
from miso.protoo import RequestError

logger = logging.getLogger(__name__)

ProducerT = TypeVar("ProducerT", Producer, DataProducer)
ConsumerT = TypeVar("ConsumerT", Consumer, DataConsumer)


class Feed(Generic[ProducerT, ConsumerT]):
    """One source that a broadcaster is sent over one of its transports.

    A program is told nothing but what its request is answered, so what is made anew has to look as before to it.

    Args:
        broadcaster: Who is sent it.
        shard: Where it is.
        source: The id of the producer or data producer.
        fetch: Gets that to the shard.
        consume: Makes the consumer; given the one before, if there was one.
        one_more: While one more is made; see :meth:`.Making.one_more`.
        keep: Keeps it; see :meth:`.Call.keep`.
    """

    def __init__(
        self,
        broadcaster: Broadcaster,
        shard: RoomShard,
        source: str,
        fetch: Callable[[str], Coroutine[None, None, Lease[ProducerT]]],
        consume: Callable[[ConsumerT | None], Awaitable[ConsumerT]],
        one_more: Callable[[], AbstractContextManager[None]],
        keep: Callable[[ConsumerT], None],
    ) -> None:
        self._broadcaster = broadcaster
        self._shard = shard
        self._source = source
        self._fetch: Callable[[str], Coroutine[None, None, Lease[ProducerT]]] = fetch
        self._consume: Callable[[ConsumerT | None], Awaitable[ConsumerT]] = consume
        self._one_more = one_more
        self._keep: Callable[[ConsumerT], None] = keep
        self._last: ConsumerT | None = None

    async def begin(self) -> ConsumerT:
        """The consumer; from now on there is another one whenever it has closed and the source is there.

        Raises:
            RequestError: There are too many, or it is gone already.
            ClusterError: The source is not there.
            ControllerError: The transport has closed, or cannot send it.
        """
        with self._one_more():
            lease = await self._fetch(self._source)
            try:
                consumer = await self._consume(self._last)
                self._keep(consumer)
            except (ControllerError, RequestError) as error:
                lease.release()
                if lease.producer.closed:
                    raise SourceLateError(f"{self._source} has come, and its pipe was lost at once") from error
                raise
            except BaseException:
                lease.release()
                raise
        self._last = consumer
        consumer.observer.once("close", lambda: self._closed(lease))
        return consumer

    def _closed(self, lease: Lease[ProducerT]) -> None:
        """Its source has gone, or the pipe over which that came, or its transport (which the next try finds)."""
        lease.release()
        if self._broadcaster.closed or self._shard.closed:
            return
        if self._shard.elsewhere(self._source) is not None:
            self._start()
        else:
            self._broadcaster.wait_for(self._source, self._start)

    def _start(self) -> None:
        self._broadcaster.start_task(self._again())

    async def _again(self) -> None:
        while True:
            try:
                consumer = await self.begin()
            except SourceLateError:
                continue
            except SourceGoneError:
                self._broadcaster.wait_for(self._source, self._start)
                return
            except (ControllerError, ClusterError, RequestError, TypeError) as error:
                logger.info("broadcaster=%s is not sent %s again: %s", self._broadcaster.id, self._source, error)
                return
            logger.info("broadcaster=%s is sent %s again: %s", self._broadcaster.id, self._source, consumer.id)
            return
