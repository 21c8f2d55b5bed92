"""The parts of a room in this server's media workers: one at first, more when its workers are busy."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

from miso.cluster.room import ClusterRoom
from miso.cluster.shard.settings import ShardSettings
from miso.controller import ControllerError, InvalidStateError, Worker
from miso.demo.rooms.openings import Openings
from miso.demo.rooms.room_shard import Parts, RoomShard
from miso.demo.workers.media_workers import MediaWorkers

logger = logging.getLogger(__name__)

_TRIES = 3
"""In so many workers a room without a shard is tried: one may die at this moment."""
_LOOK_AGAIN_S = 0.25
"""When all workers are late, a room without a shard looks so often whether another one is not any more."""


class Shards:
    """A room's shards on this server.

    Args:
        room: The room, as all servers have it.
        workers: The media workers.
        settings: How shards are joined.
        say: What the bot answers with, to the whole room.
        on_opened: Called with each new one.
        on_died: Called with one whose worker has died.
    """

    def __init__(
        self,
        room: ClusterRoom[RoomShard],
        workers: MediaWorkers,
        settings: ShardSettings,
        say: Callable[[str], None],
        on_opened: Callable[[RoomShard], None],
        on_died: Callable[[RoomShard], None],
    ) -> None:
        self._room = room
        self._workers = workers
        self._settings = settings
        self._say = say
        self._on_opened = on_opened
        self._on_died = on_died
        self._openings = Openings(self._open, workers.late_s, self._end_unused)
        self._numbers = itertools.count()
        self._placing: dict[str, asyncio.Lock] = {}  # of those who wait for a place

    @property
    def all(self) -> list[RoomShard]:
        """They, the oldest first."""
        return list(self._room.shards.values())

    @property
    def first(self) -> RoomShard:
        """The oldest.

        Raises:
            InvalidStateError: The room has closed.
        """
        shards = self.all
        if not shards:
            raise InvalidStateError("the room has closed")
        return shards[0]

    async def open(self) -> RoomShard:
        """The first one; or the one that is there.

        Raises:
            ControllerError: No worker can have it.
        """
        return await self._choose(None, sends=True)

    async def place(self, participant: str, *, sends: bool) -> RoomShard:
        """Where a participant's media are to be, from now on.

        Args:
            participant: Its id.
            sends: Whether it will send; else it is a viewer.

        Raises:
            ControllerError: No worker can have it, or the room has closed.
        """
        async with self._one_at_a_time(participant):
            return await self._choose(participant, sends=sends)

    def of(self, participant: str) -> RoomShard | None:
        """Where a participant was placed."""
        return next((shard for shard in self.all if participant in shard.participants), None)

    def place_at_once(self, participant: str) -> RoomShard:
        """Where the media of somebody who sends are to be: at the shard with the least to do of those that are there.

        Args:
            participant: Its id.

        Raises:
            InvalidStateError: The room has closed.
        """
        shard = self._least()
        self._placed(shard, participant, sends=True)
        return shard

    def look_in(self) -> RoomShard:
        """The oldest shard, for somebody who looks at the room from outside, until ``looked``: it stays for that.

        Raises:
            InvalidStateError: The room has closed.
        """
        shard = self.first
        shard.views += 1
        return shard

    def looked(self, shard: RoomShard) -> None:
        """Somebody who looked at the room there does no more."""
        shard.views -= 1
        self._end_unused()

    def left(self, shard: RoomShard, participant: str) -> None:
        """A participant has left. A shard that nobody is on ends, if it is not the only one."""
        shard.participants.discard(participant)
        self._workers.loads.leave(shard.worker, self._key(participant))
        self._end_unused()

    def close(self) -> None:
        """The room closes: nobody is on a worker for it any more."""
        self._openings.close()
        for shard in self.all:
            for participant in shard.participants:
                self._workers.loads.leave(shard.worker, self._key(participant))
            shard.participants.clear()

    @contextlib.asynccontextmanager
    async def _one_at_a_time(self, participant: str) -> AsyncIterator[None]:
        """Who asks twice at once, for both of its transports, is placed once: the second time there is a place."""
        lock = self._placing.setdefault(participant, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():
                self._placing.pop(participant, None)

    async def _choose(self, participant: str | None, *, sends: bool) -> RoomShard:
        placed = self._has_place(participant)
        if placed is not None:
            return placed
        if self.all and (participant is None or not any(shard.participants for shard in self.all)):
            shard = self.first
        else:
            shard = await self._there_or_new(sends=sends)
            shard = self._has_place(participant) or shard  # it may have begun to send meanwhile
        if participant is not None:
            self._placed(shard, participant, sends=sends)
            self._end_unused()  # whoever was on the other ones may have left meanwhile
        return shard

    def _has_place(self, participant: str | None) -> RoomShard | None:
        return self.of(participant) if participant is not None else None

    async def _there_or_new(self, *, sends: bool) -> RoomShard:
        """The shard in the worker that suits best; when none can be made there in time, another one."""
        tries = _TRIES
        while True:
            having = {shard.worker: shard for shard in self.all}
            worker = self._suiting(having, sends=sends)
            if worker in having:
                return having[worker]
            shard = None
            try:
                with self._on_the_way(worker, sends=sends):
                    shard = await self._openings.shard_in(worker, at_least_s=0.0 if self.all else _LOOK_AGAIN_S)
            except ControllerError as error:
                tries -= 1
                if self._room.closed or (not tries and not self.all):
                    raise
                logger.warning("room=%s cannot be in worker=%d: %s", self._room.name, worker.pid, error)
            if shard is not None and not shard.closed:
                return shard
            if self.all:
                return self._least()

    def _suiting(self, having: Mapping[Worker, RoomShard], *, sends: bool) -> Worker:
        """The worker that suits best, with a shard or without. Two who come at once are not to open two."""
        loads, late = self._workers.loads, self._openings.late
        worker = loads.choose(having, sends=sends, but=late)
        if worker in having:
            return worker
        return loads.choose({*having, *self._openings.workers}, sends=sends, but=late)

    @contextlib.contextmanager
    def _on_the_way(self, worker: Worker, *, sends: bool) -> Iterator[None]:
        """Has those who come next count with somebody who waits for a worker."""
        somebody = self._key(f"\n{next(self._numbers)}")
        self._workers.loads.place(worker, somebody, sends=sends)
        try:
            yield
        finally:
            self._workers.loads.leave(worker, somebody)

    def _least(self) -> RoomShard:
        """The shard whose worker has the least to do."""
        return min([self.first, *self.all], key=lambda shard: self._workers.loads.load(shard.worker))

    def _placed(self, shard: RoomShard, participant: str, *, sends: bool) -> None:
        shard.participants.add(participant)
        self._workers.loads.place(shard.worker, self._key(participant), sends=sends)

    def _end_unused(self) -> None:
        """Shards that nobody is on end; one stays as long as the room does."""
        shards = self.all
        used = [shard for shard in shards if self._is_used(shard)] or shards[:1]
        for shard in shards:
            if shard not in used:
                logger.info("room=%s shard=%s in worker=%d ends: nobody is on it", *self._names(shard))
                self._room.end(shard)

    def _is_used(self, shard: RoomShard) -> bool:
        return bool(shard.participants) or shard.views > 0 or self._openings.is_waited_for(shard.worker)

    async def _open(self, worker: Worker) -> RoomShard:
        parts = await Parts.create(self._workers, worker, self._say)
        if self._room.closed:
            parts.media.router.close()
            raise InvalidStateError("the room has closed")
        shard = self._room.open(
            lambda shard_id, facts, entry: RoomShard(shard_id, facts, entry, self._settings, parts, self._on_died)
        )
        logger.info("room=%s shard=%s in worker=%d, router=%s", *self._names(shard), shard.router.id)
        self._on_opened(shard)
        return shard

    def _key(self, participant: str) -> str:
        return f"{self._room.name}\n{participant}"

    def _names(self, shard: RoomShard) -> tuple[str, str, int]:
        return self._room.name, shard.id, shard.worker.pid
