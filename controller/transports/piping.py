"""How a producer or data producer becomes known in another router, over a pair of pipe transports."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from miso.controller.data.data_consumer import DataConsumer
from miso.controller.data.data_producer import DataProducer
from miso.controller.errors import InvalidStateError
from miso.controller.media.consumer import Consumer
from miso.controller.media.producer import Producer
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


async def pipe_producer(producer: Producer, here: PipeTransport, there: PipeTransport) -> PipeToRouterResult:
    """Copies a producer to another router, where it has the same id and is paused and closed as here.

    Args:
        producer: The original.
        here: The end of the pair in its router.
        there: The end in the other router.

    Raises:
        InvalidStateError: The original closed meanwhile.
    """
    consumer = await here.consume(producer_id=producer.id)
    try:
        copy = await there.produce(
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
    consumer.observer.on("pause", _unless_closed(copy, copy.pause))
    consumer.observer.on("resume", _unless_closed(copy, copy.resume))
    _close_together(consumer, copy)
    return PipeToRouterResult(pipe_consumer=consumer, pipe_producer=copy)


async def pipe_data_producer(
    data_producer: DataProducer, here: PipeTransport, there: PipeTransport
) -> PipeToRouterResult:
    """Copies a data producer to another router, where it has the same id and is closed as here.

    Args:
        data_producer: The original.
        here: The end of the pair in its router.
        there: The end in the other router.

    Raises:
        InvalidStateError: The original closed meanwhile.
    """
    consumer = await here.consume_data(data_producer_id=data_producer.id)
    try:
        copy = await there.produce_data(
            id=data_producer.id,
            sctp_stream_parameters=consumer.sctp_stream_parameters,
            label=consumer.label,
            protocol=consumer.protocol,
            app_data=data_producer.app_data,
        )
    except BaseException:
        consumer.close()
        raise
    if data_producer.closed or consumer.closed:
        consumer.close()
        copy.close()
        raise InvalidStateError("original DataProducer closed")
    _close_together(consumer, copy)
    return PipeToRouterResult(pipe_data_consumer=consumer, pipe_data_producer=copy)


def _close_together(consumer: Consumer | DataConsumer, copy: Producer | DataProducer) -> None:
    consumer.observer.on("close", copy.close)
    copy.observer.on("close", consumer.close)


def _unless_closed(copy: Producer, change: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Pauses or resumes a copy when its original was; it may close before the worker does so."""

    async def follow() -> None:
        try:
            await change()
        except InvalidStateError:
            _logger.debug("producer=%s closed before it could follow its original", copy.id)

    return follow
