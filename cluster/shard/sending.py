"""What a shard sends to other ones: a pipe consumer for each source that one of them wants, said as a fact."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from miso.cluster.facts import PipedFact, ProducerFact, Source
from miso.cluster.pipe_plan import PipeName
from miso.cluster.shard.pipe_ends import End
from miso.cluster.shard.wants import Facts
from miso.controller import Consumer, DataConsumer, InvalidStateError

_REMEMBERED = 4096
"""Of so many sources that are not sent any more it is known with which streams they were."""


@dataclass
class _Sent:
    """A source that is sent to another shard; when its end is lost it waits for the next one.

    Attributes:
        consumer: What sends it.
        fact: What is said of it.
    """

    consumer: Consumer | DataConsumer
    fact: PipedFact


class Sending:
    """The sources that a shard sends to others."""

    def __init__(self, shard: str, facts: Facts, on_news: Callable[[Iterable[str] | None], None]) -> None:
        """Nothing is sent.

        Args:
            shard: Whose.
            facts: Where it is said what is sent.
            on_news: Called when something has changed, with the other shards that it may be about; None: any.
        """
        self._shard = shard
        self._facts = facts
        self._on_news = on_news
        self._sent: dict[tuple[str, str], _Sent] = {}
        """By other shard and source."""
        self._streams: dict[tuple[str, str], int] = {}
        """The SCTP streams in use, by the same."""
        self._earlier: dict[tuple[str, str], PipedFact] = {}
        """What was said of those that are not sent any more: who was thought dead may still have the copies."""
        self._last_over: dict[tuple[str, str], str] = {}  # the transport over which each was sent last

    @property
    def held(self) -> dict[tuple[str, str], str]:
        """What the plan has to know: by other shard and source the token of the end; "": it is lost."""
        return {key: "" if sent.consumer.closed else sent.fact.token for key, sent in self._sent.items()}

    def count(self, pipe: PipeName) -> int:
        """How many sources go out over a pipe."""
        return sum(
            other == pipe.other and isinstance(sent.consumer, DataConsumer) == pipe.data and not sent.consumer.closed
            for (other, _), sent in self._sent.items()
        )

    async def send(self, pipe: PipeName, end: End, source: Source) -> None:
        """Sends a source over an end, with the same SSRCs as before when it was sent there over another transport.

        What data channels say before the other end can hear it is lost: they are sent when it can, which is news.

        Raises:
            NotFoundError: The source is not there, or not yet.
            UnsupportedError: All SCTP streams are in use.
            InvalidStateError: The source or the end closes.
        """
        if pipe.data and not end.carries_data:
            return
        key = (pipe.other, source.id)
        sent = self._sent.get(key)
        if sent is not None and not sent.consumer.closed:  # over this end, which has another name now
            sent.fact = replace(sent.fact, token=end.token)
        else:
            token = end.token
            earlier = self._earlier.get(key) if sent is None else sent.fact
            if self._last_over.get(key) == end.transport.id:
                earlier = None  # SRTP's keys are the same: an SSRC that begins again would use its keystream twice
            if isinstance(source, ProducerFact):
                sent = await self._consume(pipe, end, source, earlier)
            else:
                sent = await self._consume_data(pipe, end, source)
            sent.fact = replace(sent.fact, token=token)
            self._sent[key] = sent
            self._last_over[key] = end.transport.id
            self._earlier.pop(key, None)
            self._watch(key, sent)
        self._facts.put(sent.fact)
        self._on_news([pipe.other])

    def stop(self, other: str, source: str) -> None:
        """Does not send a source to a shard any more; nothing when it has ended meanwhile."""
        sent = self._sent.pop((other, source), None)
        if sent is None:
            return
        self._facts.drop(sent.fact.key)
        sent.consumer.close()
        self._earlier[other, source] = sent.fact
        while len(self._earlier) > _REMEMBERED:
            oldest = next(iter(self._earlier))
            del self._earlier[oldest]
            self._streams.pop(oldest, None)
            self._last_over.pop(oldest, None)

    def close(self) -> None:
        """Nothing is sent any more."""
        for other, source in list(self._sent):
            self.stop(other, source)

    async def _consume(self, pipe: PipeName, end: End, source: Source, earlier: PipedFact | None) -> _Sent:
        consumer = await end.transport.consume(producer_id=source.id, ssrcs_of=None if earlier is None else earlier.rtp)
        end.take_ssrcs(sum(2 if encoding.rtx else 1 for encoding in consumer.rtp_parameters.encodings))
        fact = PipedFact(
            shard=self._shard,
            other=pipe.other,
            source=source.id,
            token=end.token,
            rtp=consumer.rtp_parameters,
            paused=consumer.producer_paused,
        )
        return _Sent(consumer, fact)

    async def _consume_data(self, pipe: PipeName, end: End, source: Source) -> _Sent:
        consumer = await end.transport.consume_data(
            data_producer_id=source.id, stream_id=self._take_stream(pipe.other, source.id)
        )
        fact = PipedFact(
            shard=self._shard,
            other=pipe.other,
            source=source.id,
            token=end.token,
            sctp=consumer.sctp_stream_parameters,
        )
        return _Sent(consumer, fact)

    def _take_stream(self, other: str, source: str) -> int:
        """The stream of a source on the pipe to a shard, which it keeps when the pipe is made anew."""
        if (other, source) not in self._streams:
            taken = {stream for (shard, _), stream in self._streams.items() if shard == other}
            self._streams[other, source] = next(stream for stream in range(len(taken) + 1) if stream not in taken)
        return self._streams[other, source]

    def _watch(self, key: tuple[str, str], sent: _Sent) -> None:
        """When the source ends, so does its copy; when only the end of the pipe does, the copy waits."""
        consumer = sent.consumer
        if consumer.closed:
            self._forget(key, sent)
            raise InvalidStateError("the source or the pipe has closed")
        if isinstance(consumer, Consumer):
            consumer.on("producerclose", partial(self._forget, key, sent))
            for event in ("pause", "resume"):
                consumer.observer.on(event, partial(self._say_pause, consumer, sent))
        else:
            consumer.on("dataproducerclose", partial(self._forget, key, sent))
        consumer.observer.on("close", lambda: self._on_news([key[0]]))

    def _say_pause(self, consumer: Consumer, sent: _Sent) -> None:
        sent.fact = replace(sent.fact, paused=consumer.producer_paused)
        self._facts.put(sent.fact)

    def _forget(self, key: tuple[str, str], sent: _Sent) -> None:
        """The source has ended."""
        self._streams.pop(key, None)
        if self._sent.get(key) is sent:
            del self._sent[key]
            self._facts.drop(sent.fact.key)
