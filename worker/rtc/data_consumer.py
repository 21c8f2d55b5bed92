"""A data consumer: the messages of a data producer, sent to one receiver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.channel import commands
from worker.channel.bodies.data_consumer import (
    DataConsumerDump,
    DataConsumerStats,
    GetBufferedAmountResponse,
    SetBufferedAmountLowThresholdRequest,
)
from worker.channel.bodies.data_producer import DataMessage
from worker.channel.bodies.transport import ConsumeDataRequest
from worker.channel.commands import handles
from worker.errors import BodyError

if TYPE_CHECKING:
    from worker.rtc.context import Context
    from worker.rtc.data_producer import DataProducer
    from worker.rtc.transport import Transport


class DataConsumer:
    """Gives messages to the application (type ``direct``); the commands of a send buffer are of type ``sctp``."""

    def __init__(
        self, context: Context, transport: Transport, data_producer: DataProducer, body: ConsumeDataRequest
    ) -> None:
        self.id = body.data_consumer_id
        self.data_producer = data_producer
        self._context = context
        self._transport = transport
        self._body = body
        self._messages_sent = 0
        self._bytes_sent = 0
        self._closed = False

    def deliver(self, ppid: int, message: bytes) -> None:
        """A message of the data producer; one beyond the transport's ``maxMessageSize`` is dropped."""
        if len(message) > self._transport.max_message_size:
            return
        self._messages_sent += 1
        self._bytes_sent += len(message)
        self._context.notifier.notify_with_payload(self.id, "message", DataMessage(ppid=ppid), message)

    def data_producer_closed(self) -> None:
        """The data producer is gone, and with it the data consumer."""
        self._context.notifier.notify(self.id, "dataproducerclose")
        self.close()

    @handles(commands.DATA_CONSUMER_DUMP)
    def dump(self) -> DataConsumerDump:
        """All about it."""
        return DataConsumerDump(
            id=self.id,
            type=self._body.type,
            data_producer_id=self.data_producer.id,
            label=self._body.label,
            protocol=self._body.protocol,
            buffered_amount_low_threshold=0,
        )

    @handles(commands.DATA_CONSUMER_GET_STATS)
    def get_stats(self) -> list[DataConsumerStats]:
        """What went out."""
        return [
            DataConsumerStats(
                type="data-consumer",
                timestamp=self._context.scheduler.now_us() // 1000,
                label=self._body.label,
                protocol=self._body.protocol,
                messages_sent=self._messages_sent,
                bytes_sent=self._bytes_sent,
                buffered_amount=0,
            )
        ]

    @handles(commands.DATA_CONSUMER_GET_BUFFERED_AMOUNT)
    def get_buffered_amount(self) -> GetBufferedAmountResponse:
        """Raises ``BodyError``: nothing is buffered on the way to the application."""
        raise BodyError("invalid DataConsumer type")

    @handles(commands.DATA_CONSUMER_SET_BUFFERED_AMOUNT_LOW_THRESHOLD)
    def set_buffered_amount_low_threshold(self, body: SetBufferedAmountLowThresholdRequest) -> None:
        """Raises ``BodyError``: nothing is buffered on the way to the application."""
        raise BodyError("invalid DataConsumer type")

    @handles(commands.DATA_CONSUMER_SEND)
    def send(self, body: DataMessage, payload: bytes) -> None:
        """Raises ``BodyError``: the application need not send to itself."""
        raise BodyError("invalid DataConsumer type")

    def close(self) -> None:
        """Leaves data producer and transport; idempotent."""
        if self._closed:
            return
        self._closed = True
        self.data_producer.data_consumers.pop(self.id, None)
        self._transport.forget_data_consumer(self)
