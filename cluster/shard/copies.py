"""The copies in a shard of what others send to it: producers of the same ids, paused and closed as the originals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from miso.cluster.facts import DataProducerFact, PipedFact, ProducerFact, Source
from miso.cluster.pipe_plan import PipeName, is_same_copy
from miso.cluster.shard.pipe_ends import PipeEnds
from miso.controller import DataProducer, InvalidStateError, PipeTransport, Producer


@dataclass
class _Copy:
    """A copy.

    Attributes:
        producer: It.
        pipe: Over which it comes.
        fact: What its origin says of it.
    """

    producer: Producer | DataProducer
    pipe: PipeName
    fact: PipedFact


class Copies:
    """The copies that a shard has."""

    def __init__(self, ends: PipeEnds, on_news: Callable[[Iterable[str] | None], None]) -> None:
        """There are none.

        Args:
            ends: Of the shard's pipes.
            on_news: Called when something has changed, with the other shards that it may be about; None: any.
        """
        self._ends = ends
        self._on_news = on_news
        self._copies: dict[str, _Copy] = {}
        """By source."""

    @property
    def held(self) -> dict[str, PipedFact]:
        """What the plan has to know: of each source what its origin said."""
        return {source: copy.fact for source, copy in self._copies.items()}

    def get(self, source: str) -> Producer | DataProducer | None:
        """The copy of a source, once it is there; of a data producer once messages can come."""
        copy = self._copies.get(source)
        if copy is None or (copy.pipe.data and not self._ends[copy.pipe].carries_data):
            return None
        return copy.producer

    def count(self, pipe: PipeName) -> int:
        """How many come over a pipe."""
        return sum(copy.pipe == pipe for copy in self._copies.values())

    async def copy(self, source: Source, piped: PipedFact) -> None:
        """Makes a copy, or has it follow its original, or makes it anew when that is sent with other streams now.

        Raises:
            ControllerError: The worker cannot do it now, or not with these codecs.
            TypeError: What the other shard says of it makes no sense.
        """
        copy = self._copies.get(source.id)
        if copy is None or not is_same_copy(copy.fact, piped):
            if copy is not None:
                copy.producer.close()
            await self._make(source, piped)
            return
        if isinstance(copy.producer, Producer) and copy.producer.paused != piped.paused:
            await (copy.producer.pause() if piped.paused else copy.producer.resume())
        copy.fact = piped

    def end(self, source: str) -> None:
        """Closes the copy of a source, and its consumers with it; nothing when it has closed meanwhile."""
        if source in self._copies:
            self._copies[source].producer.close()

    async def _make(self, source: Source, piped: PipedFact) -> None:
        pipe = PipeName(piped.shard, isinstance(source, DataProducerFact))
        transport = self._ends[pipe].transport
        if isinstance(source, ProducerFact):
            producer = await _produce(transport, source, piped)
        else:
            producer = await _produce_data(transport, source, piped)
        if producer.closed:
            raise InvalidStateError("the pipe has closed")
        copy = _Copy(producer, pipe, piped)
        self._copies[source.id] = copy
        producer.observer.on("close", partial(self._closed, source.id, copy))
        self._on_news([pipe.other])

    def _closed(self, source: str, copy: _Copy) -> None:
        if self._copies.get(source) is copy:
            del self._copies[source]
            self._on_news([copy.pipe.other])


async def _produce(transport: PipeTransport, source: ProducerFact, piped: PipedFact) -> Producer | DataProducer:
    if piped.rtp is None:
        raise TypeError(f"shard {piped.shard} does not say with which streams it sends producer {source.id}")
    return await transport.produce(
        id=source.id, kind=source.kind, rtp_parameters=piped.rtp, paused=piped.paused, app_data=source.app_data
    )


async def _produce_data(
    transport: PipeTransport, source: DataProducerFact, piped: PipedFact
) -> Producer | DataProducer:
    return await transport.produce_data(
        id=source.id,
        sctp_stream_parameters=piped.sctp,
        label=source.label,
        protocol=source.protocol,
        app_data=source.app_data,
    )
