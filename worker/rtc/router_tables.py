"""What lives in one router: its transports and observers, and who consumes from whom.

The router makes one and hands it to each transport; a consumer finds its producer here whatever transport the
producer came in on. Objects enter when they are complete and leave when they close, children first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, TypeVar

from miso.worker.errors import CommandError
from miso.worker.rtc.closing import close_each, close_each_in_steps, do_for_each, finish
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtc.data.data_consumer import DataConsumer
from miso.worker.rtc.data.data_producer import DataProducer
from miso.worker.rtc.producer.producer import Producer

T = TypeVar("T")


def find(objects: Mapping[str, T], object_id: str, missing: str) -> T:
    """The object that a command names; raises ``CommandError`` with the text ``missing`` when it is not there."""
    try:
        return objects[object_id]
    except KeyError:
        raise CommandError(missing) from None


class Closable(Protocol):
    """An observer, as its router sees it."""

    id: str

    def close(self) -> None:
        """Leaves the router; idempotent."""


class RoutedTransport(Closable, Protocol):
    """A transport, as its router sees it; ``close`` closes all it carries, too."""

    def closing(self) -> Iterator[None]:
        """The steps of ``close`` that are left."""

    def fall_silent(self) -> None:
        """Its router is about to close: the peer gets and is heard no more, whoever of the router goes first."""


class RouterTables:
    """The objects of a router by id. Producers know their consumers and observers, this only finds them.

    Attributes:
        router_id: Of the router.
        transports: By id, like all others.
        observers: Of audio levels.
        producers: On whatever transport, like the rest.
        consumers: See there.
        data_producers: See there.
        data_consumers: See there.
    """

    def __init__(self, router_id: str) -> None:
        """An empty router."""
        self.router_id = router_id
        self.transports: dict[str, RoutedTransport] = {}
        self.observers: dict[str, Closable] = {}
        self.producers: dict[str, Producer] = {}
        self.consumers: dict[str, Consumer] = {}
        self.data_producers: dict[str, DataProducer] = {}
        self.data_consumers: dict[str, DataConsumer] = {}

    def producer(self, producer_id: str) -> Producer:
        """Raises ``CommandError`` when the router has no such producer."""
        return find(self.producers, producer_id, f"Producer not found [producerId:{producer_id}]")

    def data_producer(self, data_producer_id: str) -> DataProducer:
        """Raises ``CommandError`` when the router has no such data producer."""
        missing = f"DataProducer not found [dataProducerId:{data_producer_id}]"
        return find(self.data_producers, data_producer_id, missing)

    def closing(self) -> Iterator[None]:
        """Closes all, in steps.

        Nobody is told, as by the reference worker: consumers go before their producers could say that they close.
        """
        yield from close_each(self.observers.values())
        yield from do_for_each(self.transports.values(), lambda transport: transport.fall_silent())
        yield from close_each(self.consumers.values())
        yield from close_each(self.data_consumers.values())
        yield from close_each_in_steps(self.transports.values())

    def close(self) -> None:
        """All steps of ``closing``."""
        finish(self.closing())

    # What ``router.dump`` shows.

    def consumer_ids_by_producer(self) -> dict[str, list[str]]:
        """Producer id → ids of its consumers, on whatever transport."""
        return {producer.id: list(producer.consumers) for producer in self.producers.values()}

    def producer_ids_by_consumer(self) -> dict[str, str]:
        """Consumer id → id of its producer."""
        return {consumer.id: consumer.producer.id for consumer in self.consumers.values()}

    def observer_ids_by_producer(self) -> dict[str, list[str]]:
        """Producer id → ids of the observers it was added to."""
        return {producer.id: list(producer.observers) for producer in self.producers.values()}

    def data_consumer_ids_by_data_producer(self) -> dict[str, list[str]]:
        """Data producer id → ids of its data consumers."""
        return {producer.id: list(producer.data_consumers) for producer in self.data_producers.values()}

    def data_producer_ids_by_data_consumer(self) -> dict[str, str]:
        """Data consumer id → id of its data producer."""
        return {consumer.id: consumer.data_producer.id for consumer in self.data_consumers.values()}
