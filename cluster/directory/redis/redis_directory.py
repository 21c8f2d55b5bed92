"""The directory on Redis: what one node says and hears, kept up through whatever happens to Redis and the network."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from math import inf
from typing import Final

from msgspec.structs import replace

from miso.cluster.directory.directory import Watcher
from miso.cluster.directory.listeners import Listeners
from miso.cluster.directory.redis.connection import RedisConnection
from miso.cluster.directory.redis.inbox import Letter
from miso.cluster.directory.redis.keys import room_hash
from miso.cluster.directory.redis.lease import Lease, Touch
from miso.cluster.directory.redis.live_nodes import LiveNodes
from miso.cluster.directory.redis.mailbox import Mailbox
from miso.cluster.directory.redis.post import Post
from miso.cluster.directory.redis.presence import Presence
from miso.cluster.directory.redis.room import Room
from miso.cluster.directory.redis.times import DEFAULT_TIMES, Times
from miso.cluster.directory.redis.url import StoreUrl
from miso.cluster.directory.redis.uses import OwnUses
from miso.cluster.directory.said_bytes import SaidBytes
from miso.cluster.errors import InvalidStateError, NameTakenError, StoreRefusedError
from miso.cluster.facts import NodeFact, encode
from miso.protoo.log_rate_limit import LogRateLimit

logger = logging.getLogger(__name__)

AGAIN_S: Final = 0.2
"""So long a task may take to end before it is told so again."""
MAX_LEFT: Final = 10_000
"""So many rooms that were left while Redis was away are left there, too; Redis forgets the others by itself."""


class RedisDirectory:
    """One node's directory on Redis.

    Attributes:
        node: This node's id.
    """

    def __init__(self, node: str, url: StoreUrl, times: Times = DEFAULT_TIMES) -> None:
        """Not started.

        Args:
            node: This node's id, see ``new_node_id``.
            url: Where Redis is.
            times: How often and how long.
        """
        self.node = node
        self._url = url
        self._times = times
        self._refused: Counter[str] = Counter()
        self._said_bytes = SaidBytes()
        self._connection = RedisConnection(url, times.answer_s)
        self._uses = OwnUses()
        self._lease = Lease(self._connection, node, times, self._uses)
        self._live = LiveNodes(node, self._refused)
        self._mailbox = Mailbox(self._connection, node, self._refused, self._hear)
        self._post = Post(self._connection, node, times.keep_s, self._look, self._read_later)
        self._rooms: dict[str, Room] = {}  # by hash
        self._left: dict[Room, None] = {}  # rooms that Redis does not know yet to be left
        self._fact = b""
        self._listeners = Listeners()
        self._not_kept = LogRateLimit(logger, "what this host says is not kept for the others", logging.ERROR)
        self._not_believed = LogRateLimit(logger, "what another host says of a room is refused")
        self._too_often = LogRateLimit(logger, "what another host says costs too much, and is read later")
        self._number = 0
        self._may_work = asyncio.Event()
        self._was_lost = True  # Redis was not reached when it was tried last
        self._presence = Presence(url)
        self._grace_until_s = 0.0
        self._check_all_at_s = inf
        self._touching = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def nodes(self) -> Mapping[str, NodeFact]:
        return self._live.facts

    @property
    def is_away(self) -> bool:
        return self._presence.is_away

    @property
    def refused(self) -> Mapping[str, int]:
        return self._refused

    def enter(self, room: str, watcher: Watcher) -> Room:
        hash_ = room_hash(room)
        if hash_ in self._rooms:
            raise InvalidStateError(f"{self.node} is in room {room[:200]!r} already")
        entered = Room(
            self,
            self.node,
            room,
            hash_,
            watcher,
            self._refused,
            self._times.sync_s,
            self._said_bytes,
            self._not_believed.count,
        )
        was_there = [left for left in self._left if left.hash == hash_]
        for left in was_there:
            del self._left[left]
            self._post.drop(left)
        self._rooms[hash_] = entered
        entered.refresh_at_s = asyncio.get_running_loop().time() + self._times.refresh_s * random.uniform(0.5, 1)
        entered.write_all(was_there=bool(was_there))
        return entered

    def announce(self, fact: NodeFact) -> None:
        self._fact = encode(replace(fact, addresses=[]))
        self._uses.say(fact.addresses)
        self._live.announce(fact)
        self._listeners.call()

    def on_nodes(self, callback: Callable[[], None]) -> Callable[[], None]:
        return self._listeners.add(callback)

    async def start(self) -> None:
        try:
            await self._join()
        except BaseException:
            await self._connection.close()
            raise
        self._tasks = [
            asyncio.create_task(self._keep_touching(), name="cluster lease"),
            asyncio.create_task(self._post.run(self._may_work), name="cluster post"),
            asyncio.create_task(self._mailbox.run(), name="cluster inbox"),
        ]

    async def close(self) -> None:
        tasks, self._tasks = self._tasks, []
        if not tasks:
            return
        for room in list(self._rooms.values()):
            room.leave()
        if not self.is_away:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._times.answer_s):
                    await self._post.idle()
        self._post.close()
        running = set(tasks)
        while running:  # redis-py loses a cancellation that meets it while it connects
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=AGAIN_S)
        if not self.is_away:
            await self._lease.go()
        await self._connection.close()

    # what rooms need

    def wake(self, room: Room) -> None:
        if self.is_away:
            room.forget_says()
        self._post.add(room)

    def left(self, room: Room) -> None:
        del self._rooms[room.hash]
        self._left[room] = None
        if len(self._left) > MAX_LEFT:
            oldest = next(iter(self._left))
            del self._left[oldest]
            self._post.drop(oldest)
        self._post.add(room)

    def gone(self, room: Room) -> None:
        self._left.pop(room, None)

    def is_entered_again(self, room: Room) -> bool:
        return room.hash in self._rooms

    def next_number(self) -> int:
        self._number += 1
        return self._number

    def is_live(self, node: str) -> bool:
        return node in self._live.ids

    @property
    def has_grace(self) -> bool:
        return asyncio.get_running_loop().time() < self._grace_until_s

    def not_kept(self, room: Room, key: str, reason: str) -> None:
        self._refused["own, too long"] += 1
        self._not_kept.count(f"room={room.name[:200]!r} {key[:200]!r}: {reason}")

    # private

    def _hear(self, letter: Letter) -> None:
        room = self._rooms.get(letter.room)
        if room is not None:
            room.hear(letter)

    def _read_later(self, room: Room, node: str) -> None:
        self._refused["read too often"] += 1
        self._too_often.count(f"room={room.name[:200]!r} host={node}")

    async def _join(self) -> None:
        """Shows for the first time that this node lives.

        Raises:
            NameTakenError: Another one of this name does, and goes on to.
            StoreRefusedError: Redis turns this node away.
        """
        if unreadable := self._url.unreadable_file():
            raise StoreRefusedError(f"Redis at {self._url}: no TLS with it: {unreadable}")
        loop = asyncio.get_running_loop()
        pause_s = 2 * self._times.touch_s
        wait_s = self._times.lease_s + pause_s
        asked_s = loop.time()
        until_s, give_up_s = asked_s + wait_s, asked_s + self._times.keep_s
        while True:
            touch = await self._lease.touch(self._fact, self._mailbox.position)
            if touch.failure is not None and touch.failure.is_lasting:
                raise StoreRefusedError(f"Redis at {self._url}: {touch.failure.text}")
            if not touch.taken_by:
                break
            now_s = loop.time()
            if now_s - asked_s > pause_s:  # who had a lease before such a pause is counted as seen after it
                until_s = min(now_s + wait_s, give_up_s)
            asked_s = now_s
            if now_s > until_s:
                raise NameTakenError(
                    f"another host that uses Redis at {self._url} has this one's name: {touch.taken_by}; "
                    "each needs a name of its own"
                )
            await asyncio.sleep(self._times.touch_s / 4)
        self._take_in(touch)

    async def _keep_touching(self) -> None:
        while True:
            await asyncio.sleep(self._times.touch_s)
            try:
                await self._look()
            except Exception:
                logger.exception("the sign of life has met a fault")

    async def _look(self) -> bool:
        """Shows that this node lives, and finds out who else does; False: Redis does not say."""
        async with self._touching:
            touch = await self._lease.touch(self._fact, self._mailbox.position)
            self._take_in(touch)
        return touch.failure is None and not touch.taken_by

    def _take_in(self, touch: Touch) -> None:
        now_s = asyncio.get_running_loop().time()
        lost = touch.failure.text if touch.failure is not None else ""
        if touch.taken_by:
            lost = f"another host has this one's name and has taken its place: {touch.taken_by}"
        trouble = lost or (self._post.failure.text if self._post.failure is not None else "")
        has_changed = self._presence.update(now_s, trouble)
        if lost:
            self._may_work.clear()
            self._was_lost = True
        else:
            if self._was_lost or touch.is_new:
                self._was_lost = False
                self._grace_until_s = self._check_all_at_s = now_s + self._times.grace_s
                self._live.give_grace(self._grace_until_s)
                self._may_work.set()
                self._check(now_s, self._rooms.values())
            if touch.is_new:
                for room in self._rooms.values():
                    room.write_all(was_there=True)
                    room.read_anew()
            has_changed = self._take_in_nodes(now_s, touch) or has_changed
            self._refresh(now_s)
        if has_changed:
            self._listeners.call()

    def _take_in_nodes(self, now_s: float, touch: Touch) -> bool:
        change = self._live.listed(now_s, touch.listed, touch.since_ms, touch.uses)
        for room in list(self._rooms.values()):
            for node in change.ended:
                room.ended(node)
            for node in change.came:
                room.came(node)
        for node in change.ended:
            self._mailbox.forget(node)
            logger.info("host=%s is gone", node)
        for node in change.came:
            logger.info("host=%s is there", node)
        return change.facts

    def _refresh(self, now_s: float) -> None:
        if now_s >= self._check_all_at_s:
            self._check_all_at_s = inf
            self._check(now_s, self._rooms.values())
        else:
            self._check(now_s, [room for room in self._rooms.values() if now_s >= room.refresh_at_s])

    def _check(self, now_s: float, rooms: Iterable[Room]) -> None:
        for room in rooms:
            room.refresh_at_s = now_s + self._times.refresh_s * random.uniform(0.5, 1)
            room.check()
