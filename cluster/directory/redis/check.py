"""Looks at a Redis for an operator: whether hosts can share rooms over it, and what to do if not."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from statistics import median
from typing import Final

from miso.cluster.directory.redis.connection import Command, RedisConnection
from miso.cluster.directory.redis.failure import judge
from miso.cluster.directory.redis.keys import PREFIX, SEEN
from miso.cluster.directory.redis.times import DEFAULT_TIMES
from miso.cluster.directory.redis.url import StoreUrl, parse_url

ROUNDS: Final = 20
SLOW_MS: Final = 20.0
"""An answer that takes longer is felt by who joins a room."""

INFO: Final = """
local function info(section, name)
  local text = redis.pcall('INFO', section)
  if type(text) ~= 'string' then return '' end
  return string.match(text, name .. ':([^%c]*)') or ''
end
return {info('server', 'redis_version'), info('memory', 'maxmemory'), info('memory', 'maxmemory_policy')}
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of what was found.

    Attributes:
        is_good: Whether hosts can work with it.
        text: What it is, and what to do if it is not good.
    """

    is_good: bool
    text: str


async def check_redis(address: str) -> AsyncIterator[Finding]:
    """Looks at the Redis at that address, one finding after the other; it writes one key, and takes it away."""
    try:
        url = parse_url(address)
    except ValueError as error:
        yield Finding(False, str(error))
        return
    if unreadable := url.unreadable_file():
        yield Finding(False, f"a file of TLS cannot be read: {unreadable}")
        return
    connection = RedisConnection(url, DEFAULT_TIMES.answer_s)
    try:
        async for finding in _look(connection, url):
            yield finding
    finally:
        await connection.close()


async def _look(connection: RedisConnection, url: StoreUrl) -> AsyncIterator[Finding]:
    key = f"{PREFIX}check:{{{secrets.token_hex(8)}}}"
    first = await _trouble(connection, [("PEXPIRE", key, 1000)])
    if first:
        yield Finding(False, f"Redis at {url}: {first}")
        return
    yield Finding(True, f"Redis at {url} answers")
    asked: list[Command] = [
        ("XADD", key, "MAXLEN", "~", 10, "*", "made", "1"),
        ("PEXPIRE", key, 10_000),
        ("XADD", key, "NOMKSTREAM", "MAXLEN", "~", 10, "*", "made", "1"),
        ("XTRIM", key, "MINID", "=", "0-0"),
        ("EVAL", "redis.call('TIME') return redis.call('EXISTS', KEYS[1])", 1, key),
        ("DEL", key),
    ]
    lacks = await _trouble(connection, asked)
    if lacks:
        yield Finding(False, f"it does not do what hosts ask of it: {lacks}")
        return
    yield Finding(True, "it does what hosts ask of it")
    took_ms = []
    for _ in range(ROUNDS):
        started_s = time.perf_counter()
        await connection.run([("PEXPIRE", key, 1000)])
        took_ms.append(1000 * (time.perf_counter() - started_s))
    is_fast = median(took_ms) < SLOW_MS
    hint = "" if is_fast else f"; more than {SLOW_MS:.0f} ms are felt by who joins: is it far away, or busy?"
    yield Finding(
        is_fast, f"an answer takes {median(took_ms):.1f} ms, the slowest of {ROUNDS} {max(took_ms):.1f} ms{hint}"
    )
    for finding in await _memory(connection, key):
        yield finding
    reply = (await connection.run([("ZRANGE", SEEN, 0, -1)]))[0]
    hosts = sorted(node.decode(errors="replace") for node in reply) if isinstance(reply, list) else []
    yield Finding(True, f"{len(hosts)} hosts share rooms over it{': ' if hosts else ''}{', '.join(hosts)}")


async def _memory(connection: RedisConnection, key: str) -> list[Finding]:
    reply = (await connection.run([("EVAL", INFO, 1, key)]))[0]
    if not isinstance(reply, list) or len(reply) != 3 or not reply[0]:
        return [Finding(True, "its version and its limit of memory are not told to this user (INFO)")]
    version, limit, policy = (part.decode(errors="replace") for part in reply)
    findings = [Finding(True, f"it is of version {version}")]
    if limit not in ("", "0") and policy != "noeviction":
        findings.append(
            Finding(
                False,
                f"when it has {limit} bytes it throws keys away (maxmemory-policy {policy}): hosts then say anew what "
                "they said, again and again; set noeviction, or give rooms a Redis of their own",
            )
        )
    return findings


async def _trouble(connection: RedisConnection, commands: list[Command]) -> str:
    for reply in await connection.run(commands):
        if isinstance(reply, Exception):
            return judge(reply).text
    return ""


async def _print_all(address: str) -> bool:
    is_good = True
    async for finding in check_redis(address):
        print("ok  " if finding.is_good else "BAD ", finding.text)  # noqa: T201  a command
        is_good = is_good and finding.is_good
    return is_good


def main(arguments: list[str]) -> int:
    """Prints what is found at the one address that is given; 0: it is good, 1: it is not, 2: no address is."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m miso.cluster.directory.redis redis://HOST:PORT")  # noqa: T201
        return 2
    return 0 if asyncio.run(_print_all(arguments[0])) else 1
