"""What a router's transports and observers know of it."""

from __future__ import annotations

from typing import NamedTuple

from miso.controller.data.data_producer import DataProducer
from miso.controller.errors import NotFoundError
from miso.controller.media.producer import Producer
from miso.controller.types import RtpCapabilities


class RouterView(NamedTuple):
    """A router, as what belongs to it sees it.

    Attributes:
        rtp_capabilities: What the router accepts.
        producers: By id; a transport enters its own, and removes them when they end.
        data_producers: By id; a transport enters its own, and removes them when they end.
    """

    rtp_capabilities: RtpCapabilities
    producers: dict[str, Producer]
    data_producers: dict[str, DataProducer]

    def producer(self, producer_id: str) -> Producer:
        """The producer with that id.

        Raises:
            NotFoundError: There is none.
        """
        producer = self.producers.get(producer_id)
        if producer is None:
            raise NotFoundError(f'Producer with id "{producer_id}" not found')
        return producer

    def data_producer(self, data_producer_id: str) -> DataProducer:
        """The data producer with that id.

        Raises:
            NotFoundError: There is none.
        """
        data_producer = self.data_producers.get(data_producer_id)
        if data_producer is None:
            raise NotFoundError(f'DataProducer with id "{data_producer_id}" not found')
        return data_producer
