"""The parts of a room in this server's media workers: one at first, more when its workers are busy."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine

from miso.cluster.room import ClusterRoom
from miso.cluster.shard.settings import ShardSettings
from miso.controller import InvalidStateError
from miso.demo.rooms.room_shard import Parts, RoomShard
from miso.demo.workers.media_workers import MediaWorkers

logger = logging.getLogger(__name__)


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
        self._turn = asyncio.Lock()

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
        return await self._choose(participant, sends=sends)

    def of(self, participant: str) -> RoomShard | None:
        """Where a participant was placed."""
        return next((shard for shard in self.all if participant in shard.participants), None)

    def left(self, shard: RoomShard, participant: str) -> None:
        """A participant has left. A shard that nobody is on ends, if it is not the only one."""
        shard.participants.discard(participant)
        self._workers.loads.leave(shard.worker, self._key(participant))
        if not shard.participants and len(self.all) > 1:
            logger.info("room=%s shard=%s in worker=%d ends: nobody is on it", *self._names(shard))
            self._room.end(shard)

    async def _choose(self, participant: str | None, *, sends: bool) -> RoomShard:
        async with self._turn:  # two who come at once are not to open two
            if participant is not None and (placed := self.of(participant)) is not None:
                return placed
            loads = self._workers.loads
            having = {shard.worker: shard for shard in self.all}
            if having and (participant is None or not any(shard.participants for shard in self.all)):
                shard = self.first
            else:
                worker = loads.choose(having, sends=sends)
                shard = having.get(worker) or await self._open(Parts.create(self._workers, worker, self._say))
            if participant is not None:
                shard.participants.add(participant)
                loads.place(shard.worker, self._key(participant), sends=sends)
            return shard

    async def _open(self, making: Coroutine[None, None, Parts]) -> RoomShard:
        parts = await making
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
