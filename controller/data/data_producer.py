"""A data producer: a source of data messages in a router."""

from __future__ import annotations

from miso.controller.data.data_channel_end import DataChannelEnd
from miso.controller.data.data_message import encode_message
from miso.controller.types import DataProducerDump, DataProducerStats
from miso.worker.channel import commands
from miso.worker.channel.bodies.data_producer import DataMessage


class DataProducer(DataChannelEnd):
    """A source of data messages in a router. In the worker its data consumers close with it.

    Events:
        transportclose(): Its transport closed, and it with it.

    Observer events: close.
    """

    _KIND = "dataProducer"
    _CLOSE = commands.DATA_PRODUCER_CLOSE

    async def dump(self) -> DataProducerDump:
        """The worker's view of it."""
        return await self._request(commands.DATA_PRODUCER_DUMP)

    async def get_stats(self) -> list[DataProducerStats]:
        """What it received."""
        return await self._request(commands.DATA_PRODUCER_GET_STATS)

    def send(self, message: str | bytes, ppid: int | None = None) -> None:
        """Feeds it a message, if it is of a direct transport.

        Args:
            message: Text or bytes.
            ppid: SCTP payload protocol identifier, instead of the one for text or binary.

        Raises:
            TypeError: The message is neither text nor bytes.
            InvalidStateError: It is closed.
            RequestError: It is too large, or the worker has not read what was sent before.
        """
        ppid, data = encode_message(message, ppid)
        self._check_open()
        self._channel.notify(commands.DATA_PRODUCER_SEND, self._path, DataMessage(ppid=ppid), data)
