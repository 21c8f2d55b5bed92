"""Writes what this node says into Redis, tells the others' inboxes, and reads what they say: in the order of need."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from miso.cluster.directory.node_id import is_node_id
from miso.cluster.directory.redis.connection import Command, RedisConnection
from miso.cluster.directory.redis.failure import NO_ANSWER, Failure, judge
from miso.cluster.directory.redis.inbox import FIELD, encode_letter
from miso.cluster.directory.redis.keys import facts, inbox, members
from miso.cluster.directory.redis.lease import MAX_LETTERS
from miso.cluster.directory.redis.read_allowance import ReadAllowance
from miso.cluster.directory.redis.room import Room, Write, letter_of
from miso.cluster.directory.redis.scripts import READ, WRITE
from miso.cluster.directory.room_view import MAX_FACTS, MAX_FACTS_FOR_ALL
from miso.cluster.directory.said_bytes import MAX_ROOM_BYTES
from miso.cluster.facts import MAX_BYTES

logger = logging.getLogger(__name__)

ROOMS_AT_ONCE: Final = 128
READS_AT_ONCE: Final = 16
FAULT: Final = Failure("a fault of ours, see the log", False)
AGAIN_S: Final = 1.0
"""So long a room waits after Redis has refused something of it."""


class Post:
    """The work of one node on all its rooms.

    Attributes:
        failure: Why Redis has refused something; None: it has not, of late.
    """

    def __init__(
        self,
        connection: RedisConnection,
        node: str,
        keep_s: float,
        look: Callable[[], Awaitable[bool]],
        put_off: Callable[[Room, str], None],
    ) -> None:
        """Nothing is to be done.

        Args:
            connection: To Redis.
            node: Who works.
            keep_s: How long Redis keeps what nobody refreshes.
            look: Finds out who lives, now; False: Redis does not say.
            put_off: Told that a node has cost too much, and is read later.
        """
        self.failure: Failure | None = None
        self._connection = connection
        self._node = node
        self._keep_ms = int(1000 * keep_s)
        self._look = look
        self._put_off = put_off
        self._allowance = ReadAllowance()
        self._waiting: dict[Room, None] = {}
        self._again: dict[Room, None] = {}
        self._later: dict[Room, None] = {}  # in which something is to be read that may not be read yet
        self._timer: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._number = 0

    def add(self, room: Room) -> None:
        """There is something to do about a room."""
        self._waiting[room] = None
        self._idle.clear()
        self._wake.set()

    def drop(self, room: Room) -> None:
        """Nothing is to be done about a room."""
        self._waiting.pop(room, None)
        self._again.pop(room, None)
        self._later.pop(room, None)

    async def run(self, may_work: asyncio.Event) -> None:
        """Works until it is cancelled, while Redis is there."""
        while True:
            if not self._waiting:
                if not self._again:
                    self._idle.set()
                self._wake.clear()
                await self._wake.wait()
            await may_work.wait()
            rooms = list(self._waiting)[:ROOMS_AT_ONCE]
            for room in rooms:
                del self._waiting[room]
            try:
                await self._work(rooms)
            except Exception:
                logger.exception("the work on rooms has met a fault")
                for room in rooms:
                    self._failed(room, FAULT)

    async def idle(self) -> None:
        """Returns when nothing is to be done."""
        await self._idle.wait()

    def close(self) -> None:
        """Nothing is done later."""
        if self._timer is not None:
            self._timer.cancel()

    async def _work(self, rooms: Sequence[Room]) -> None:
        sends = await self._write([write for room in rooms if (write := room.next_write()) is not None])
        await self._send(sends)
        await self._read(rooms)
        if not any(room.has_hidden for room in rooms) or await self._look():
            for room in rooms:
                room.all_read()
        for room in rooms:
            if room.has_work and room not in self._again:
                self.add(room)
        if not self._again:
            self.failure = None

    async def _write(self, writes: Sequence[Write]) -> list[tuple[Write, set[str]]]:
        """Gives what was written, or only needs to be sent, and to whom."""
        sends = [(write, write.room.members) for write in writes if not write.mode]
        kept = [write for write in writes if write.mode]
        replies = await self._connection.run([self._written(it) for it in kept])
        if [0] in replies:
            await self._look()  # Redis has lost something, perhaps all: then others get time to say it again
        for write, reply in zip(kept, replies, strict=True):
            if isinstance(reply, Exception):
                self._failed(write.room, judge(reply))
            elif not isinstance(reply, list) or not reply:
                self._failed(write.room, NO_ANSWER)
            elif not reply[0]:
                logger.info("room=%.200r Redis has lost what this node said, it is written anew", write.room.name)
                write.room.write_all(was_there=True)
            else:
                names = (raw.decode(errors="replace") for raw in reply[1:] if isinstance(raw, bytes))
                nodes = {name for name in names if name != self._node and is_node_id(name)}
                write.room.written(write, nodes)
                if write.is_told:
                    sends.append((write, nodes))
        return sends

    async def _send(self, sends: Sequence[tuple[Write, set[str]]]) -> None:
        commands: list[Command] = []
        rooms: list[Room] = []
        for write, nodes in sends:
            if not nodes:
                continue
            self._number += 1
            for node in nodes:
                letter = letter_of(write, self._number, self._node, node)
                if letter is None:
                    continue
                data = encode_letter(letter)
                commands.append(("XADD", inbox(node), "NOMKSTREAM", "MAXLEN", "~", MAX_LETTERS, "*", FIELD, data))
                rooms.append(write.room)
        for room, reply in zip(rooms, await self._connection.run(commands), strict=True):
            if isinstance(reply, Exception) and "WRONGTYPE" not in str(reply):
                self._failed(room, judge(reply))

    async def _read(self, rooms: Sequence[Room]) -> None:
        wanted = [(room, node, known) for room in rooms for node, known in room.next_reads().items()]
        now_s = asyncio.get_running_loop().time
        for at in range(0, len(wanted), READS_AT_ONCE):
            some = [each for each in wanted[at : at + READS_AT_ONCE] if self._may_read(*each)]
            commands: list[Command] = [
                (
                    *("EVAL", READ, 1, facts(room.hash, node), known, MAX_BYTES, MAX_ROOM_BYTES, self._node),
                    *(MAX_FACTS, MAX_FACTS_FOR_ALL),
                )
                for room, node, known in some
            ]
            for (room, node, known), reply in zip(some, await self._connection.run(commands), strict=True):
                if isinstance(reply, list):
                    self._allowance.read(node, now_s(), reply)
                    room.read(node, known, reply)
                else:
                    room.read_failed(node)
                    self._failed(room, judge(reply) if isinstance(reply, Exception) else NO_ANSWER, written=True)

    def _may_read(self, room: Room, node: str, known: int) -> bool:
        if self._allowance.may_read(node, asyncio.get_running_loop().time()):
            return True
        self._later[room] = None
        self._set_timer()
        if room.put_off(node, known):
            self._put_off(room, node)
        return False

    def _written(self, write: Write) -> Command:
        room = write.room.hash
        kept = {**write.puts, **write.marks}
        puts = [part for key, data in kept.items() for part in (key, data)]
        keys = (members(room), facts(room, self._node))
        given = (self._node, self._keep_ms, write.mode, write.seq, len(kept), *puts, *write.drops, *write.unmarks)
        return ("EVAL", WRITE, len(keys), *keys, *given)

    def _failed(self, room: Room, failure: Failure, *, written: bool = False) -> None:
        self.failure = failure
        self._again[room] = None
        if not written:
            room.write_all(was_there=True)
        self._waiting.pop(room, None)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(AGAIN_S, self._try_again)

    def _try_again(self) -> None:
        self._timer = None
        again, self._again = self._again, {}
        later, self._later = self._later, {}
        for room in later:
            room.try_put_off()
        for room in (*again, *later):
            self.add(room)
