"""A shard: a part of a room, in one router, which is given what arrives at the other parts when somebody here wants it.

It looks at what is said of the room, does what is missing (``pipe_plan``), and says what it has: nobody is asked, and
what failed, or came late, is mended by the next look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple, TypeVar

from miso.cluster.errors import ClusterError, SourceGoneError, SourceLateError
from miso.cluster.facts import DataProducerFact, Source
from miso.cluster.pipe_plan import (
    CloseEnd,
    Connect,
    Copy,
    Held,
    MakeEnd,
    Pipe,
    PipeName,
    RemakeEnd,
    Step,
    Uncopy,
    Unpipe,
    other_of,
    plan,
)
from miso.cluster.room_facts import RoomFacts
from miso.cluster.shard.copies import Copies
from miso.cluster.shard.pipe_ends import PipeEnds
from miso.cluster.shard.retries import Retries, rest_s
from miso.cluster.shard.sending import Sending
from miso.cluster.shard.settings import DEFAULT_SHARD, ShardSettings
from miso.cluster.shard.wants import Facts, Lease, Wants
from miso.controller import ControllerError, DataProducer, InvalidStateError, Producer, Router
from miso.protoo.log_rate_limit import LogRateLimit

logger = logging.getLogger(__name__)

FAILED_STEPS = LogRateLimit(logger, "a step towards another part of a room fails, and is tried again")
"""Of all shards of this process."""

ProducerT = TypeVar("ProducerT", Producer, DataProducer)


class PipeState(NamedTuple):
    """A pipe, for operators.

    Attributes:
        other: The shard at the other end.
        data: Whether it is for data channels.
        connected: Whether this end knows the other one.
        encrypted: Whether what goes over it is.
        sent: How many sources go out over it.
        copies: How many come in.
        refused: Packets that came and could not be decrypted.
    """

    other: str
    data: bool
    connected: bool
    encrypted: bool
    sent: int
    copies: int
    refused: int


class Shard:
    """A router as a part of a room.

    Attributes:
        id: Which part.
        router: Where its participants' transports are.
        closed: Whether it has ended: it was closed, or its worker died.
        faults: How many steps have failed so far.
    """

    def __init__(
        self,
        shard: str,
        router: Router,
        room: RoomFacts,
        facts: Facts,
        *,
        settings: ShardSettings = DEFAULT_SHARD,
        on_closed: Callable[[], None] = lambda: None,
    ) -> None:
        """Begins to look; within an event loop. That it is there is said by whoever made it.

        Args:
            shard: Its id, which no other one has.
            router: A new one.
            room: What is known of the room. Whoever changes it calls ``look``.
            facts: Where is said what is true of the shard.
            settings: How it is joined with others.
            on_closed: Called when it has ended because its worker did.
        """
        self.id = shard
        self.router = router
        self.closed = False
        self.faults = 0
        self._room = room
        self._settings = settings
        self._on_closed = on_closed
        self._news = asyncio.Event()
        self._to_look_at: set[str] = set()
        """Other shards towards which something may be to be done."""
        self._looks_at_all = False
        self._wants = Wants(shard, facts, settings.linger_s)
        self._ends = PipeEnds(shard, router, room, facts, settings, self.look)
        self._sending = Sending(shard, facts, self.look)
        self._copies = Copies(self._ends, self.look)
        self._retries = Retries(settings.first_retry_s, settings.longest_retry_s)
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        """Who waits for a source."""
        router.observer.on("close", self._router_closed)
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._check())]

    @property
    def pipes(self) -> list[PipeState]:
        """All pipes, as they are now."""
        return [
            PipeState(
                other=pipe.other,
                data=pipe.data,
                connected=bool(end.remote),
                encrypted=end.transport.srtp_parameters is not None,
                sent=self._sending.count(pipe),
                copies=self._copies.count(pipe),
                refused=end.refused,
            )
            for pipe, end in self._ends.items()
        ]

    def look(self, others: Iterable[str] | None = None) -> None:
        """Something has changed in the room, or here. It is done about soon, and never at once.

        Args:
            others: The other shards towards which something may be to be done now; None: any.
        """
        if others is None:
            self._looks_at_all = True
        else:
            self._to_look_at.update(others)
        self._news.set()

    async def fetch(self, producer: str) -> Lease[Producer]:
        """Gets a producer of the room, wherever it arrives, so that it can be consumed here.

        Raises:
            SourceGoneError: It is not in the room, or leaves, or is a data producer.
            SourceLateError: It does not come in time.
            InvalidStateError: The shard closes.
        """
        return await self._fetch(producer, Producer)

    async def fetch_data(self, data_producer: str) -> Lease[DataProducer]:
        """Gets a data producer of the room, wherever it arrives. What it says before that is not heard here.

        Raises:
            SourceGoneError: It is not in the room, or leaves, or is no data producer.
            SourceLateError: It does not come in time.
            InvalidStateError: The shard closes.
        """
        return await self._fetch(data_producer, DataProducer)

    def elsewhere(self, source: str) -> Source | None:
        """What arrives at another part of the room, by its id; None: it arrives here, or nowhere any more."""
        located = self._room.source(source)
        return located.fact if located is not None and located.fact.shard != self.id else None

    def close(self) -> None:
        """Closes the router and all in it, and takes back what was said; may be called again."""
        self._end()
        self.router.close()

    async def wait_closed(self) -> None:
        """Waits until nothing of a closed shard is under way any more."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ------------------------------------------------------------ fetching

    async def _fetch(self, source: str, kind: type[ProducerT]) -> Lease[ProducerT]:
        self._check_open()
        located = self._room.source(source)
        if located is None:
            raise SourceGoneError(f"nobody in the room sends {source}")
        if located.fact.shard == self.id:
            return Lease(self._checked(source, self._of_router(source), kind), lambda: None)
        self._wants.hold(source, located.fact.shard)
        try:
            return Lease(self._checked(source, await self._arrival(source), kind), lambda: self._wants.release(source))
        except BaseException:
            self._wants.release(source)
            raise

    def _of_router(self, source: str) -> Producer | DataProducer | None:
        return self.router.producer(source) or self.router.data_producer(source)

    def _checked(self, source: str, found: Producer | DataProducer | None, kind: type[ProducerT]) -> ProducerT:
        if found is None or found.closed:
            raise SourceGoneError(f"{source} has ended")
        if not isinstance(found, kind):
            raise SourceGoneError(f"{source} is no {kind.__name__}")
        return found

    async def _arrival(self, source: str) -> Producer | DataProducer:
        """Waits for a copy."""
        try:
            async with asyncio.timeout(self._settings.fetch_timeout_s):
                while (copy := self._copies.get(source)) is None:
                    if self._room.source(source) is None:
                        raise SourceGoneError(f"{source} has ended")
                    await self._news_of(source)
                    self._check_open()
                return copy
        except TimeoutError:
            timeout_s = self._settings.fetch_timeout_s
            raise SourceLateError(f"{source} has not come from its part of the room within {timeout_s:g} s") from None

    async def _news_of(self, source: str) -> None:
        future = asyncio.get_running_loop().create_future()
        futures = self._waiting.setdefault(source, set())
        futures.add(future)
        try:
            await future
        finally:
            futures.discard(future)
            if not futures:
                self._waiting.pop(source, None)

    def _wake(self) -> None:
        """Those whose source has come, or gone."""
        for source, futures in self._waiting.items():
            if self.closed or self._copies.get(source) is not None or self._room.source(source) is None:
                for future in futures:
                    if not future.done():
                        future.set_result(None)

    # ------------------------------------------------------------ looking

    async def _run(self) -> None:
        while not self.closed:
            await self._wait_for_news()
            try:
                await self._look_once()
            except Exception:
                self.faults += 1
                logger.exception("shard=%s a look at the room was met by a bug", self.id)
                FAILED_STEPS.count(f"shard={self.id} a look at the room")

    async def _look_once(self) -> None:
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        steps = self._steps()
        looked_s = loop.time() - begin_s
        due = self._retries.due(steps.keys(), loop.time())
        await asyncio.gather(*(self._do(key, step) for key, step in steps.items() if key in due))
        self._wake()
        await asyncio.sleep(rest_s(looked_s))

    async def _wait_for_news(self) -> None:
        """Until something has changed, or what failed is due."""
        retry_s = self._retries.next_s
        try:
            async with asyncio.timeout_at(retry_s):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()

    def _steps(self) -> dict[Hashable, Step]:
        others = None if self._looks_at_all else self._to_look_at
        held = Held(ends=self._ends.held, piped=self._sending.held, copies=self._copies.held)
        planned = plan(self._room, self.id, held, others)
        self._looks_at_all = False
        self._to_look_at = {other_of(step, held) for step in planned}  # until nothing is left
        steps: dict[Hashable, Step] = {_key(step): step for step in planned}
        for broken in self._ends.broken:
            steps.setdefault(_key(broken), broken)
        return steps

    async def _do(self, key: Hashable, step: Step) -> None:
        """One step; what goes wrong with it costs it alone."""
        if self._is_moot(step):
            return
        try:
            await self._carry_out(step)
        except (ControllerError, ClusterError, TypeError) as error:
            if not self._is_moot(step):
                self._failed(key, f"{key}: {error}")
        except Exception as error:
            logger.exception("shard=%s a bug met step=%s", self.id, key)
            self._failed(key, f"{key}: {error!r}")
        else:
            self._retries.done(key)

    def _is_moot(self, step: Step) -> bool:
        """Whether what it is about has ended since the plan was made, which the next look sees."""
        match step:
            case RemakeEnd(pipe) | Connect(pipe) | CloseEnd(pipe):
                return pipe not in self._ends
            case Pipe(pipe, source):
                return pipe not in self._ends or self._room.source(source.id) is None
            case Copy(source, piped):
                pipe = PipeName(piped.shard, isinstance(source, DataProducerFact))
                return pipe not in self._ends or self._room.source(source.id) is None
            case _:
                return False

    def _failed(self, key: Hashable, text: str) -> None:
        if not self.closed:
            self.faults += 1
            FAILED_STEPS.count(f"shard={self.id} {text}")
            self._retries.failed(key, asyncio.get_running_loop().time())

    async def _carry_out(self, step: Step) -> None:
        match step:
            case MakeEnd():
                await self._ends.make(step.pipe)
            case RemakeEnd():
                await self._ends.remake(step.pipe)
            case Connect():
                await self._ends.connect(step.pipe, step.to)
            case CloseEnd():
                self._ends[step.pipe].transport.close()
            case Pipe():
                await self._sending.send(step.pipe, self._ends[step.pipe], step.source)
            case Unpipe():
                self._sending.stop(step.other, step.source)
            case Copy():
                await self._copies.copy(step.source, step.piped)
            case Uncopy():
                self._copies.end(step.source)

    async def _check(self) -> None:
        """Finds pipes over which nothing comes that can be decrypted."""
        while not self.closed:
            await asyncio.sleep(self._settings.check_s)
            try:
                await self._ends.check()
            except (ControllerError, TypeError) as error:
                logger.debug("shard=%s pipes cannot be checked: %s", self.id, error)

    # ------------------------------------------------------------ end

    def _check_open(self) -> None:
        if self.closed:
            raise InvalidStateError("the part of the room has closed")

    def _router_closed(self) -> None:
        if not self.closed:
            self._end()
            self._on_closed()

    def _end(self) -> None:
        if self.closed:
            return
        self.closed = True
        for task in self._tasks:
            task.cancel()
        self._wants.close()
        self._sending.close()
        self._ends.close()
        self._wake()


def _key(step: Step) -> Hashable:
    """Names a step: one that has failed waits, and another one of that kind does not."""
    match step:
        case Connect():
            return "connect", step.pipe, step.to.token
        case Pipe():
            return "pipe", step.pipe, step.source.id
        case Unpipe():
            return "unpipe", step.other, step.source
        case Copy():
            return "copy", step.source.id, step.piped.token, step.piped.paused
        case Uncopy():
            return "uncopy", step.source
        case MakeEnd():
            return "make", step.pipe
        case RemakeEnd():
            return "remake", step.pipe
        case CloseEnd():
            return "close", step.pipe
