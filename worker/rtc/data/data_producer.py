"""A data producer: messages that come in, handed to its data consumers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from miso.worker.channel import commands
from miso.worker.channel.bodies.data_producer import DataMessage, DataProducerDump, DataProducerStats
from miso.worker.channel.bodies.transport import ProduceDataRequest
from miso.worker.channel.commands import handles
from miso.worker.faults import attempt
from miso.worker.rtc.closing import do_for_each, finish
from miso.worker.rtc.context import Context
from miso.worker.rtc.data.sctp_stream import SctpStream


class DataProducerTransport(Protocol):
    """What a data producer asks of its transport.

    Attributes:
        max_message_size: Larger messages are not taken, in bytes.
    """

    max_message_size: int

    def count_received(self, size: int) -> None:
        """So many bytes came from the application."""

    def forget_data_producer(self, data_producer: DataProducer) -> None:
        """The data producer has closed."""


class DataSubscriber(Protocol):
    """A data consumer, as its data producer sees it; maybe of another transport."""

    def deliver(self, ppid: int, message: bytes) -> None:
        """Sends a message to its receiver."""

    def data_producer_closed(self) -> None:
        """The data producer is gone."""


class DataProducer:
    """Takes messages of a peer (type ``sctp``) or of the application (any type).

    Attributes:
        id: As the controller named it.
        stream: Of the peer's messages, None for type ``direct``.
        data_consumers: Of the whole router, by id.
    """

    def __init__(self, context: Context, transport: DataProducerTransport, body: ProduceDataRequest) -> None:
        """Raises ``BodyError`` for SCTP stream parameters that are missing or make no sense."""
        self.id = body.data_producer_id
        self.stream = SctpStream.from_body(body.sctp_stream_parameters) if body.type == "sctp" else None
        self.data_consumers: dict[str, DataSubscriber] = {}
        self._context = context
        self._transport = transport
        self._body = body
        self._messages_received = 0
        self._bytes_received = 0
        self._closing: Iterator[None] | None = None

    @handles(commands.DATA_PRODUCER_DUMP)
    def dump(self) -> DataProducerDump:
        """All about it."""
        return DataProducerDump(
            id=self.id,
            type=self._body.type,
            label=self._body.label,
            protocol=self._body.protocol,
            sctp_stream_parameters=self.stream.dump() if self.stream is not None else None,
        )

    @handles(commands.DATA_PRODUCER_GET_STATS)
    def get_stats(self) -> list[DataProducerStats]:
        """What came in."""
        return [
            DataProducerStats(
                type="data-producer",
                timestamp=self._context.scheduler.now_us() // 1000,
                label=self._body.label,
                protocol=self._body.protocol,
                messages_received=self._messages_received,
                bytes_received=self._bytes_received,
            )
        ]

    @handles(commands.DATA_PRODUCER_SEND)
    def send(self, body: DataMessage, payload: bytes) -> None:
        """A message of the application; like in the reference, one beyond ``maxMessageSize`` is dropped."""
        if len(payload) <= self._transport.max_message_size:
            self._transport.count_received(len(payload))
            self.receive(body.ppid, payload)

    def add_consumer(self, data_consumer_id: str, data_consumer: DataSubscriber) -> None:
        """It gets the messages from now on."""
        self.data_consumers[data_consumer_id] = data_consumer

    def remove_consumer(self, data_consumer_id: str) -> None:
        """It gets no more; no effect when it was not added."""
        self.data_consumers.pop(data_consumer_id, None)

    def receive(self, ppid: int, message: bytes) -> None:
        """A message that came in."""
        self._messages_received += 1
        self._bytes_received += len(message)
        for data_consumer in list(self.data_consumers.values()):
            attempt(data_consumer, data_consumer.deliver, ppid, message)

    def closing(self) -> Iterator[None]:
        """Closes its data consumers, then itself, in steps; at each call those that are left."""
        if self._closing is None:
            self._closing = self._close()
        return self._closing

    def close(self) -> None:
        """All steps of ``closing``; idempotent."""
        finish(self.closing())

    def _close(self) -> Iterator[None]:
        yield from do_for_each(self.data_consumers.values(), lambda consumer: consumer.data_producer_closed())
        self._transport.forget_data_producer(self)
