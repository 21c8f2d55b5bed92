"""What a router's transports and observers know of it."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from miso.controller.data.data_producer import DataProducer
from miso.controller.errors import NotFoundError
from miso.controller.media.producer import Producer
from miso.controller.types import RtpCapabilities

EntityT = TypeVar("EntityT", Producer, DataProducer)


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
        return _found(self.producers, "Producer", producer_id)

    def data_producer(self, data_producer_id: str) -> DataProducer:
        """The data producer with that id.

        Raises:
            NotFoundError: There is none.
        """
        return _found(self.data_producers, "DataProducer", data_producer_id)


def _found(table: dict[str, EntityT], what: str, object_id: str) -> EntityT:
    entity = table.get(object_id)
    if entity is None:
        raise NotFoundError(f'{what} with id "{object_id}" not found')
    return entity
