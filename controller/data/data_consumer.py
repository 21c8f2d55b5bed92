"""A data consumer: what one transport sends of a data producer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from miso.controller.data.data_channel_end import DataChannelEnd
from miso.controller.data.data_message import encode_message
from miso.controller.process.channel import Channel
from miso.controller.types import AppData, DataConsumerDump, DataConsumerStats
from miso.worker.channel import commands
from miso.worker.channel.bodies.data_consumer import SetBufferedAmountLowThresholdRequest
from miso.worker.channel.bodies.data_producer import DataMessage
from miso.worker.channel.bodies.transport import ConsumeDataRequest
from miso.worker.channel.events import BufferedAmountLow


class DataConsumer(DataChannelEnd):
    """What a transport sends of a data producer.

    Events:
        transportclose(): Its transport closed, and it with it.
        dataproducerclose(): Its data producer closed, and it with it.
        message(bytes, ppid): A message, if it is of a direct transport.
        sctpsendbufferfull(): A message was dropped: the remote side takes them too slowly.
        bufferedamountlow(size_bytes): Little enough is waiting to be sent again.

    Observer events: close.

    Attributes:
        data_producer_id: The data producer it consumes.
    """

    _KIND = "dataConsumer"
    _CLOSE = commands.DATA_CONSUMER_CLOSE

    def __init__(
        self, channel: Channel, path: Mapping[str, str], request: ConsumeDataRequest, app_data: AppData | None
    ) -> None:
        super().__init__(channel, path, request, app_data)
        self.data_producer_id: Final = request.data_producer_id

    async def dump(self) -> DataConsumerDump:
        """The worker's view of it."""
        return await self._request(commands.DATA_CONSUMER_DUMP)

    async def get_stats(self) -> list[DataConsumerStats]:
        """What it sent."""
        return await self._request(commands.DATA_CONSUMER_GET_STATS)

    async def send(self, message: str | bytes, ppid: int | None = None) -> None:
        """Sends a message to the remote side, past the data producer.

        Args:
            message: Text or bytes.
            ppid: SCTP payload protocol identifier, instead of the one for text or binary.

        Raises:
            TypeError: The message is neither text nor bytes.
            RequestError: The send buffer is full.
        """
        ppid, data = encode_message(message, ppid)
        await self._request(commands.DATA_CONSUMER_SEND, DataMessage(ppid=ppid), data)

    async def get_buffered_amount(self) -> int:
        """How many bytes wait to be sent."""
        return (await self._request(commands.DATA_CONSUMER_GET_BUFFERED_AMOUNT)).buffered_amount

    async def set_buffered_amount_low_threshold(self, threshold: int) -> None:
        """Sets at how many waiting bytes ``bufferedamountlow`` is emitted."""
        await self._request(
            commands.DATA_CONSUMER_SET_BUFFERED_AMOUNT_LOW_THRESHOLD,
            SetBufferedAmountLowThresholdRequest(threshold=threshold),
        )

    def _event_handlers(self) -> Mapping[str, Callable[..., object]]:
        return {
            "dataproducerclose": partial(self.closed_by, "dataproducerclose"),
            "sctpsendbufferfull": partial(self.emit, "sctpsendbufferfull"),
            "bufferedamountlow": self._on_buffered_amount_low,
            "message": self._on_message,
        }

    def _on_buffered_amount_low(self, event: BufferedAmountLow) -> None:
        self.emit("bufferedamountlow", event.buffered_amount)

    def _on_message(self, event: DataMessage, payload: bytes) -> None:
        self.emit("message", payload, event.ppid)
