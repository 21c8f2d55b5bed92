"""The sign of life that a node gives each second: it keeps its lease and its inbox, and is told who else lives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from miso.cluster.directory.node_id import name_of
from miso.cluster.directory.redis.connection import Command, RedisConnection, Reply
from miso.cluster.directory.redis.failure import NO_ANSWER, Failure, judge
from miso.cluster.directory.redis.keys import CLOCK, NODE_FACTS, PAUSE, SEEN, USES, USES_AT, inbox
from miso.cluster.directory.redis.live_nodes import Listed
from miso.cluster.directory.redis.scripts import GO, TOUCH
from miso.cluster.directory.redis.times import Times
from miso.cluster.directory.redis.uses import MAX_PART_BYTES, PARTS, OwnUses
from miso.cluster.facts import MAX_BYTES

MAX_LETTERS: Final = 4096
"""About so many letters wait in an inbox; then the oldest are lost, and their reader reads the rooms."""
TOUCHES_TO_ALL: Final = 60
"""After so many signs of life all that nodes say of addresses is read, not only what changed: clocks may be set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """What came of a sign of life.

    Attributes:
        failure: Why there was none; None: it was seen.
        taken_by: Another node of this name that lives; then this one does not.
        is_new: The lease was over, or there was none, or the inbox was gone: others may have forgotten this node.
        listed: The nodes that live, by their ids as they were read.
        since_ms: Who has shown a sign of life later than that, by Redis' clock, has done so since Redis was last away.
        uses: What has changed of what nodes say of addresses: fields and parts in turn, as they were read.
    """

    failure: Failure | None = None
    taken_by: str = ""
    is_new: bool = False
    listed: Mapping[bytes, Listed] = field(default_factory=dict)
    since_ms: float = 0.0
    uses: Sequence[bytes] = ()


class Lease:
    """The lease of one node."""

    def __init__(self, connection: RedisConnection, node: str, times: Times, uses: OwnUses) -> None:
        """None is taken yet.

        Args:
            connection: To Redis.
            node: Who takes it.
            times: How long it is.
            uses: What it says of addresses.
        """
        self._connection = connection
        self._node = node
        self._times = times
        self._uses = uses
        self._touches = 0
        self._uses_since_ms = 0.0  # by Redis' clock: what has changed before that is known
        self._inbox = inbox(node)
        self._has_failed = True
        self._touched_ms = 0.0  # by Redis' clock
        self._since_ms = 0.0

    async def touch(self, fact: bytes, read_until: bytes) -> Touch:
        """Shows that this node lives.

        Args:
            fact: What it says of itself; b"": nothing yet.
            read_until: The inbox was read up to there.
        """
        touch = await self._touch(fact, read_until)
        if touch.failure is not None:
            self._uses.lost()
            self._uses_since_ms = 0.0
        self._has_failed = touch.failure is not None
        return touch

    async def go(self) -> None:
        """Ends the lease; when Redis is away it ends by itself."""
        await self._connection.run(
            [("EVAL", GO, 4, SEEN, NODE_FACTS, USES, USES_AT, self._node, PARTS), ("DEL", self._inbox)]
        )

    async def _touch(self, fact: bytes, read_until: bytes) -> Touch:
        times = self._times
        lease_ms, pause_ms, keep_ms = _ms(times.lease_s), _ms(2 * times.touch_s), _ms(times.keep_s)
        keys = (SEEN, NODE_FACTS, CLOCK, PAUSE, USES, USES_AT)
        parts = self._uses.unsaid()
        self._touches += 1
        since_ms = 0 if self._touches % TOUCHES_TO_ALL == 0 else int(self._uses_since_ms)
        given = (
            *(self._node, name_of(self._node), lease_ms, pause_ms, keep_ms, fact, MAX_BYTES),
            *(PARTS, MAX_PART_BYTES, since_ms, *(each for part in parts.items() for each in part)),
        )
        if self._has_failed:  # to whom it has not let in Redis gives a reason only for what is short
            for reply in await self._connection.run([("PEXPIRE", self._inbox, keep_ms)]):
                if isinstance(reply, Exception):
                    return Touch(failure=judge(reply))
        replies = await self._connection.run(
            [
                ("EVAL", TOUCH, len(keys), *keys, *given),
                ("PEXPIRE", self._inbox, keep_ms),
                ("XTRIM", self._inbox, "MINID", "=", read_until),
            ]
        )
        answer, has_inbox, trimmed = replies
        for reply in replies:
            if isinstance(reply, Exception) and not _is_of_wrong_type(reply):
                return Touch(failure=judge(reply))
        if not isinstance(answer, list) or len(answer) < 2:
            return Touch(failure=NO_ANSWER)
        if not answer[0]:
            return Touch(taken_by=bytes(answer[1] or b"?").decode(errors="replace"))
        try:
            _, had, now, paused, has_uses, uses, *nodes = answer
            if not isinstance(uses, list) or not all(isinstance(each, bytes) for each in uses):
                return Touch(failure=NO_ANSWER)
            self._came_back(bool(had), float(now), float(paused))
            listed = {node: Listed(fact, float(seen)) for node, fact, seen in zip(*3 * [iter(nodes)], strict=True)}
            self._uses_since_ms = float(now)
        except (TypeError, ValueError):
            return Touch(failure=NO_ANSWER)
        self._uses.said(parts)
        if not has_uses:
            self._uses.lost()
        is_new = not had
        if not has_inbox or isinstance(trimmed, Exception):
            is_new = True
            for reply in await self._connection.run(self._make_inbox(keep_ms)):
                if isinstance(reply, Exception):
                    return Touch(failure=judge(reply))
        return Touch(is_new=is_new, listed=listed, since_ms=self._since_ms, uses=uses)

    def _came_back(self, had: bool, now_ms: float, paused_ms: float) -> None:
        """Redis was reached. After a failure, or a loss, it is found out since when others must have been heard of.

        When nobody had reached Redis, everybody was counted as seen when the first one did: later signs of life are
        real ones, but for those that waited in Redis' sockets while it stood still and are all taken then. When this
        node's lease was over, and there was no such pause since it was here last, Redis was there for others meanwhile,
        or has lost all: then who is listed has reached it.
        """
        if self._has_failed or not had:
            was_paused = paused_ms > self._touched_ms
            self._since_ms = paused_ms + _ms(self._times.touch_s) if was_paused else now_ms if had else 0.0
        self._touched_ms = now_ms

    def _make_inbox(self, keep_ms: int) -> list[Command]:
        return [
            ("DEL", self._inbox),
            ("XADD", self._inbox, "*", "made", "1"),
            ("PEXPIRE", self._inbox, keep_ms),
        ]


def _ms(seconds: float) -> int:
    return max(1, int(1000 * seconds))


def _is_of_wrong_type(reply: Reply) -> bool:
    return "WRONGTYPE" in str(reply)
