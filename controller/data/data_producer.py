"""A data producer: a source of data messages in a router."""

from __future__ import annotations

from collections.abc import Mapping

from miso.controller.data.data_message import encode_message
from miso.controller.entity import Entity
from miso.controller.process.channel import Channel
from miso.controller.types import AppData, DataProducerDump, DataProducerStats, SctpStreamParameters
from miso.worker.channel import commands
from miso.worker.channel.bodies.base import DataType
from miso.worker.channel.bodies.data_producer import DataMessage
from miso.worker.channel.bodies.transport import CloseDataProducerRequest


class DataProducer(Entity):
    """A source of data messages in a router.

    Events:
        transportclose(): Its transport closed, and it with it.

    Observer events: close.
    """

    _KIND = "dataProducer"

    def __init__(
        self,
        channel: Channel,
        path: Mapping[str, str],
        *,
        type: DataType,
        sctp_stream_parameters: SctpStreamParameters | None,
        label: str,
        protocol: str,
        app_data: AppData | None,
    ) -> None:
        super().__init__(channel, path, app_data)
        self._type = type
        self._sctp_stream_parameters = sctp_stream_parameters
        self._label = label
        self._protocol = protocol

    @property
    def type(self) -> DataType:
        """``sctp``, or ``direct`` if it is of a direct transport."""
        return self._type

    @property
    def sctp_stream_parameters(self) -> SctpStreamParameters | None:
        """The SCTP stream its messages come on; None if it is direct."""
        return self._sctp_stream_parameters

    @property
    def label(self) -> str:
        """The data channel's label."""
        return self._label

    @property
    def protocol(self) -> str:
        """The data channel's sub-protocol."""
        return self._protocol

    def close(self) -> None:
        """Closes it and, in the worker, its data consumers."""
        self._end(None)

    def transport_closed(self) -> None:
        """For its transport, which closed."""
        self._end("transportclose")

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

    def _close_in_worker(self) -> None:
        self._channel.post(commands.DATA_PRODUCER_CLOSE, self._path, CloseDataProducerRequest(data_producer_id=self.id))
