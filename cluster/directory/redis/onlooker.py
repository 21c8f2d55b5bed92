"""Looks at Redis from outside, for operators: what it is, how fast it answers, who lives. Nothing of it stays there.

Everything is asked by scripts with a key of one slot, so that it goes to the servers that hosts use, in a Redis
Cluster, too.
"""

from __future__ import annotations

import secrets
from collections import Counter
from typing import Final, NamedTuple

from miso.cluster.directory.redis.connection import Command, RedisConnection
from miso.cluster.directory.redis.failure import Failure, judge
from miso.cluster.directory.redis.keys import NODE_FACTS, PREFIX, SEEN
from miso.cluster.directory.redis.live_nodes import Listed, LiveNodes
from miso.cluster.facts import MAX_BYTES, NodeFact

MAX_INFO_BYTES: Final = 65_536
NO_REDIS: Final = Failure("it answers what no Redis answers", True)
_TRIAL_MS: Final = 10_000

_LIVE: Final = """
-- KEYS: seen, facts. ARGV: lease in ms, longest fact
-- Gives {node, fact, node, fact ...}
local time = redis.call('TIME')
local since = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1]
local answer = {}
if redis.call('TYPE', KEYS[1])['ok'] ~= 'zset' or redis.call('TYPE', KEYS[2])['ok'] ~= 'hash' then return answer end
for _, node in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], since, '+inf', 'LIMIT', 0, 4096)) do
  local fact = ''
  if redis.call('HSTRLEN', KEYS[2], node) <= tonumber(ARGV[2]) then fact = redis.call('HGET', KEYS[2], node) or '' end
  answer[#answer + 1] = node
  answer[#answer + 1] = fact
end
return answer
"""


class Live(NamedTuple):
    """Who lives.

    Attributes:
        facts: What hosts say of themselves.
        silent: Ids of those that say nothing of themselves that can be believed.
    """

    facts: list[NodeFact]
    silent: list[str]


class Onlooker:
    """Asks Redis; each question gives its answer, or why there was none."""

    def __init__(self, connection: RedisConnection) -> None:
        """Asks nothing yet.

        Args:
            connection: To Redis.
        """
        self._connection = connection

    async def answers(self) -> Failure | None:
        """Whether it answers at all."""
        [reply] = await self._connection.run([("EVAL", "return 1", 1, SEEN)])
        return judge(reply) if isinstance(reply, BaseException) else None

    async def info(self, section: str) -> dict[str, str] | Failure:
        """A section of INFO."""
        script = "return redis.call('INFO', ARGV[1])"
        [reply] = await self._connection.run([("EVAL", script, 1, SEEN, section)])
        if isinstance(reply, BaseException):
            return judge(reply)
        if not isinstance(reply, bytes) or len(reply) > MAX_INFO_BYTES:
            return NO_REDIS
        pairs = (line.partition(":") for line in reply.decode(errors="replace").splitlines())
        return {name: value.strip() for name, colon, value in pairs if colon}

    async def time_ms(self) -> float | Failure:
        """Its clock, in milliseconds since 1970."""
        [reply] = await self._connection.run([("EVAL", "return redis.call('TIME')", 1, SEEN)])
        if isinstance(reply, BaseException):
            return judge(reply)
        try:
            seconds, microseconds = reply
            return 1000 * int(seconds) + int(microseconds) / 1000
        except (TypeError, ValueError, OverflowError):
            return NO_REDIS

    async def try_all(self) -> Failure | None:
        """Does with keys of its own, which go at once, what hosts do with theirs."""
        trial = f"{PREFIX}trial:{{{secrets.token_hex(8)}}}"
        names = [f"{trial}:{kind}" for kind in ("zset", "hash", "string", "stream")]
        script = (
            "redis.call('ZADD', KEYS[1], 1, 'a') redis.call('HSET', KEYS[2], 'a', 'b') redis.call('SET', KEYS[3], 1) "
            "for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[1]) end return redis.call('TYPE', KEYS[1])"
        )
        commands: list[Command] = [
            ("EVAL", script, len(names), *names, _TRIAL_MS),
            ("XADD", names[3], "MAXLEN", "~", 10, "*", "a", "b"),
            ("XADD", names[3], "NOMKSTREAM", "MAXLEN", "~", 10, "*", "a", "b"),
            ("PEXPIRE", names[3], _TRIAL_MS),
            ("XTRIM", names[3], "MINID", "=", "0"),
            *(("DEL", name) for name in names),
        ]
        replies = await self._connection.run(commands)
        for reply in replies:
            if isinstance(reply, BaseException):
                return judge(reply)
        return None if replies[0] == b"zset" else NO_REDIS

    async def live(self, lease_s: float) -> Live | Failure:
        """Who lives.

        Args:
            lease_s: Who was not heard of for so long does not.
        """
        [reply] = await self._connection.run([("EVAL", _LIVE, 2, SEEN, NODE_FACTS, int(1000 * lease_s), MAX_BYTES)])
        if isinstance(reply, BaseException):
            return judge(reply)
        if not isinstance(reply, list) or len(reply) % 2 or not all(isinstance(one, bytes) for one in reply):
            return NO_REDIS
        listed = dict(zip(reply[::2], reply[1::2], strict=True))
        nodes = LiveNodes("", Counter())
        nodes.listed(0, {node: Listed(fact, 0.0) for node, fact in listed.items()})
        facts = sorted(nodes.facts.values(), key=lambda fact: fact.node)
        return Live(facts, sorted(nodes.ids - {"", *nodes.facts}))
