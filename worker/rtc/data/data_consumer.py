"""A data consumer: the messages of a data producer, sent to one receiver."""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

from miso.worker.channel import commands
from miso.worker.channel.bodies.data_consumer import (
    DataConsumerDump,
    DataConsumerStats,
    GetBufferedAmountResponse,
    SetBufferedAmountLowThresholdRequest,
)
from miso.worker.channel.bodies.data_producer import DataMessage
from miso.worker.channel.bodies.transport import ConsumeDataRequest
from miso.worker.channel.commands import handles
from miso.worker.channel.events import BufferedAmountLow
from miso.worker.errors import BodyError, CommandError, InvalidStateError, SendBufferFullError
from miso.worker.rtc.context import Context
from miso.worker.rtc.data.data_producer import DataProducer
from miso.worker.rtc.data.sctp_association import SctpAssociation
from miso.worker.rtc.data.sctp_stream import SctpStream


class DataConsumerTransport(Protocol):
    """What a data consumer asks of its transport.

    Attributes:
        connected: Whether its peer can be reached.
        max_message_size: Larger messages are not sent, in bytes.
        sctp: Its association, None without.
    """

    connected: bool
    max_message_size: int

    @property
    def sctp(self) -> SctpAssociation | None:
        """See above."""

    def count_sent(self, size: int) -> None:
        """So many bytes went to the application."""

    def forget_data_consumer(self, data_consumer: DataConsumer) -> None:
        """The data consumer has closed."""


class DataConsumer:
    """Gives messages to a peer (type ``sctp``) or to the application (type ``direct``).

    Attributes:
        id: As the controller named it.
        data_producer: Whose messages it gives, maybe of another transport.
        stream: That carries them, None for type ``direct``.
        low_threshold: The application is told when so many bytes or less wait.
    """

    def __init__(
        self, context: Context, transport: DataConsumerTransport, data_producer: DataProducer, body: ConsumeDataRequest
    ) -> None:
        """Raises ``BodyError`` for SCTP stream parameters that are missing or make no sense."""
        self.id = body.data_consumer_id
        self.stream = SctpStream.from_body(body.sctp_stream_parameters) if body.type == "sctp" else None
        self.data_producer = data_producer
        self._context = context
        self._transport = transport
        self._body = body
        self._messages_sent = 0
        self._bytes_sent = 0
        self.low_threshold = 0
        self._closed = False

    def deliver(self, ppid: int, message: bytes) -> None:
        """A message of the data producer; one beyond the transport's ``maxMessageSize`` is dropped.

        So is one that the peer cannot be sent: there is no connection, or too much is waiting already.
        """
        if len(message) > self._transport.max_message_size:
            return
        if self.stream is None:
            self._count(message)
            self._transport.count_sent(len(message))
            self._context.notifier.notify_with_payload(self.id, "message", DataMessage(ppid=ppid), message)
            return
        with suppress(SendBufferFullError, InvalidStateError):
            self._send(self.stream, ppid, message)

    def tell_low(self, amount: int) -> None:
        """So many bytes wait in the association, of all its streams like in mediasoup: not more than the threshold."""
        self._context.notifier.notify(self.id, "bufferedamountlow", BufferedAmountLow(buffered_amount=amount))

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
            buffered_amount_low_threshold=self.low_threshold,
            sctp_stream_parameters=self.stream.dump() if self.stream is not None else None,
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
                buffered_amount=0 if self.stream is None else self._association().buffered_amount,
            )
        ]

    @handles(commands.DATA_CONSUMER_GET_BUFFERED_AMOUNT)
    def get_buffered_amount(self) -> GetBufferedAmountResponse:
        """What waits in the association. Raises ``BodyError``: nothing waits on the way to the application."""
        self._sctp_stream()
        return GetBufferedAmountResponse(buffered_amount=self._association().buffered_amount)

    @handles(commands.DATA_CONSUMER_SET_BUFFERED_AMOUNT_LOW_THRESHOLD)
    def set_buffered_amount_low_threshold(self, body: SetBufferedAmountLowThresholdRequest) -> None:
        """Tells when so little waits: at once if that is so now. Raises ``BodyError``: not of type ``sctp``."""
        self._sctp_stream()
        before, self.low_threshold = self.low_threshold, body.threshold
        association = self._association()
        if association.change_threshold(self, before):
            self.tell_low(association.buffered_amount)

    @handles(commands.DATA_CONSUMER_SEND)
    def send(self, body: DataMessage, payload: bytes) -> None:
        """Sends a message of the application to the peer.

        Raises:
            BodyError: It is too large, or this consumer is not of type ``sctp``.
            CommandError: Too much is waiting, or there is no connection.
        """
        stream = self._sctp_stream()
        limit = self._transport.max_message_size
        if len(payload) > limit:
            raise BodyError(f"given message exceeds maxMessageSize value [maxMessageSize:{limit}, len:{len(payload)}]")
        try:
            self._send(stream, body.ppid, payload)
        except SendBufferFullError as error:
            raise CommandError("sctpsendbufferfull") from error
        except InvalidStateError as error:
            raise CommandError("message send failed") from error

    def close(self) -> None:
        """Leaves data producer and transport; idempotent."""
        if self._closed:
            return
        self._closed = True
        self.data_producer.remove_consumer(self.id)
        self._transport.forget_data_consumer(self)

    # ------------------------------------------------------------ own

    def _association(self) -> SctpAssociation:
        assert self._transport.sctp is not None
        return self._transport.sctp

    def _sctp_stream(self) -> SctpStream:
        if self.stream is None:
            raise BodyError("invalid DataConsumer type")
        return self.stream

    def _count(self, message: bytes) -> None:
        self._messages_sent += 1
        self._bytes_sent += len(message)

    def _send(self, stream: SctpStream, ppid: int, message: bytes) -> None:
        """Raises what ``SctpAssociation.send`` does; that the buffer is full is told."""
        if not self._transport.connected:
            raise InvalidStateError("the transport is not connected")
        try:
            self._association().send(stream, ppid, message)
        except SendBufferFullError:
            self._context.notifier.notify(self.id, "sctpsendbufferfull")
            raise
        self._count(message)
