"""A program that knows how hosts of a cluster write to Redis, and means harm: a host of its own invention."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from redis.asyncio import Redis

from miso.cluster.directory.redis.inbox import FIELD, Letter, encode_letter
from miso.cluster.directory.redis.keys import NODE_FACTS, SEEN, facts, inbox, members, room_hash
from miso.cluster.facts import NodeFact, RoomFact, encode

NODE = "stranger-0000000f"
_AT_ONCE = 5_000


class Stranger:
    """It lives, as far as Redis knows, and says what it likes.

    Args:
        port: Of Redis.
    """

    def __init__(self, port: int) -> None:
        self._redis = Redis(port=port, protocol=2)
        self._living: asyncio.Task[None] | None = None
        self._rooms: set[str] = set()
        self._letters = 0

    async def live(self) -> None:
        """Shows itself each 0.2 s, with a fact, and in the rooms in which it is."""
        self._living = asyncio.create_task(self._live_on())

    async def enter(self, room: str, said: Iterable[RoomFact]) -> int:
        """Is in a room and says this of it; how many bytes it is."""
        size = 0
        key = facts(room_hash(room), NODE)
        pipeline = self._redis.pipeline(transaction=False)
        for number, fact in enumerate(said):
            data = encode(fact)
            size += len(data)
            pipeline.hset(key, fact.key, data)
            if number % _AT_ONCE == _AT_ONCE - 1:
                await pipeline.execute()
        pipeline.hset(key, "#seq", "7")
        pipeline.pexpire(key, 60_000)
        seconds, _ = await self._redis.time()
        pipeline.zadd(members(room_hash(room)), {NODE: 1000 * seconds})
        await pipeline.execute()
        self._rooms.add(room)
        return size

    async def write_to(self, node: str, room: str, count: int) -> None:
        """Tells a host again and again that it has to read the room anew, in which everything is new each time."""
        pipeline = self._redis.pipeline(transaction=False)
        for _ in range(count):
            self._letters += 1
            seq = 7 + self._letters
            letter = Letter(n=self._letters, node=NODE, room=room_hash(room), prev=-1, seq=seq)
            pipeline.hset(facts(room_hash(room), NODE), "#seq", str(seq))
            pipeline.xadd(inbox(node), {FIELD: encode_letter(letter)})
        await pipeline.execute()

    async def leave(self) -> None:
        """Its lease ends by itself; of the rest nothing is left."""
        if self._living is not None:
            self._living.cancel()
            with suppress(asyncio.CancelledError):
                await self._living
        found = [key async for key in self._redis.scan_iter(f"*{NODE}*")]
        if found:
            await self._redis.delete(*found)
        await self._redis.aclose()

    async def _live_on(self) -> None:
        fact = encode(NodeFact(node=NODE, name="stranger", ip="192.0.2.66"))
        while True:
            seconds, microseconds = await self._redis.time()
            await self._redis.zadd(SEEN, {NODE: 1000 * seconds + microseconds // 1000})
            await self._redis.hset(NODE_FACTS, NODE, fact)  # after that: a fact of who does not live is taken away
            for room in tuple(self._rooms):
                await self._redis.zadd(members(room_hash(room)), {NODE: 1000 * seconds})
            await asyncio.sleep(0.2)
