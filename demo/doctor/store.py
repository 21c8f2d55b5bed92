"""Whether Redis does what hosts of a cluster need of it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Final

from miso.cluster.directory.redis.connection import RedisConnection
from miso.cluster.directory.redis.failure import Failure
from miso.cluster.directory.redis.onlooker import Live, Onlooker
from miso.cluster.directory.redis.times import DEFAULT_TIMES
from miso.cluster.directory.redis.url import StoreUrl, parse_url
from miso.demo.doctor.finding import Finding, failed, ok, warning

LEAST_VERSION: Final = (6, 2)
SLOW_MS: Final = 50.0
"""Who joins waits for some answers, one after the other."""
TOO_SLOW_MS: Final = 500.0
ASKED: Final = 9
"""How often it is asked for how long that takes."""
FULL: Final = 0.9
CLOCKS_MS: Final = 60_000.0


async def check_store(
    url: str, wall_ms: Callable[[], float], time_s: Callable[[], float]
) -> tuple[list[Finding], Live | None]:
    """Looks at it, and at who lives.

    Args:
        url: Its address.
        wall_ms: This machine's clock, in milliseconds since 1970.
        time_s: A monotonic clock, in seconds.

    Returns:
        What was found; and the hosts that live, None: that is not known.
    """
    store = parse_url(url)
    if unreadable := store.unreadable_file():
        return [failed("redis", f"a file of TLS cannot be read: {unreadable}")], None
    connection = RedisConnection(store, DEFAULT_TIMES.answer_s)
    try:
        onlooker = Onlooker(connection)
        failure = await onlooker.answers()
        if failure is not None:
            return [failed("redis", f"{store}: {failure.text}{_advice(store, failure)}")], None
        findings = [ok("redis", f"{store} answers{', over TLS' if store.tls else ''}"), await _version(onlooker)]
        trial = await onlooker.try_all()
        findings.append(
            ok("redis commands", "all that is needed is allowed, and done")
            if trial is None
            else failed("redis commands", f"{trial.text}: allow them to this user (ACL), on keys miso:1:*")
        )
        findings.append(await _latency(onlooker, time_s))
        findings.extend(await _memory(onlooker))
        findings.append(await _clock(onlooker, wall_ms))
        live = await onlooker.live(DEFAULT_TIMES.lease_s)
        if isinstance(live, Failure):
            findings.append(failed("hosts", f"it cannot be read who lives: {live.text}"))
            return findings, None
        return findings, live
    finally:
        await connection.close()


def _advice(store: StoreUrl, failure: Failure) -> str:
    if not failure.is_lasting:
        return ": is it there, and reached from this machine (bind and protected-mode of redis.conf, firewalls)?"
    if "let us in" in failure.text:
        return ": its address has the password before the host (redis://:PASSWORD@HOST)"
    if not store.tls:
        return ": with TLS its address begins with rediss://"
    return ": name the authority that signed its certificate (?ssl_ca_certs=FILE)"


async def _version(onlooker: Onlooker) -> Finding:
    info = await onlooker.info("server")
    if isinstance(info, Failure):
        return warning("redis version", f"it does not tell: {info.text}")
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = info.get("valkey_version") or info.get("redis_version", "")
    try:
        numbers = tuple(int(part) for part in info.get("redis_version", "").split("."))
    except ValueError:
        return warning("redis version", f"{version!r} is no version that is known: 6.2 or newer is needed")
    if numbers < LEAST_VERSION:
        return failed("redis version", f"{name} {version}: 6.2 or newer is needed")
    return ok("redis version", f"{name} {version}")


async def _latency(onlooker: Onlooker, time_s: Callable[[], float]) -> Finding:
    took_ms = []
    for _ in range(ASKED):
        asked_s = time_s()
        failure = await onlooker.answers()
        if failure is not None:
            return failed("redis latency", f"of {ASKED} answers one did not come: {failure.text}")
        took_ms.append(1000 * (time_s() - asked_s))
    return judge_latency(statistics.median(took_ms), max(took_ms))


def judge_latency(median_ms: float, most_ms: float) -> Finding:
    """What it means that an answer takes so long."""
    text = f"an answer takes {median_ms:.1f} ms, at most {most_ms:.1f} ms"
    if median_ms > TOO_SLOW_MS:
        return failed("redis latency", f"{text}: hosts count as dead when it takes longer; put Redis near them")
    if median_ms > SLOW_MS:
        return warning("redis latency", f"{text}: who joins waits for some; put Redis near its hosts")
    return ok("redis latency", text)


async def _memory(onlooker: Onlooker) -> list[Finding]:
    info = await onlooker.info("memory")
    if isinstance(info, Failure):
        return [warning("redis memory", f"it does not tell: {info.text}")]
    return list(judge_memory(info))


def judge_memory(info: dict[str, str]) -> Iterator[Finding]:
    """What its INFO says of memory."""
    try:
        most, used = int(info.get("maxmemory", "0")), int(info.get("used_memory", "0"))
    except ValueError:
        yield warning("redis memory", "what it tells of its memory cannot be read")
        return
    if most == 0:
        yield ok("redis memory", f"{used // 1_000_000} MB used, no limit (maxmemory)")
        return
    policy = info.get("maxmemory_policy", "")
    text = f"{used // 1_000_000} of {most // 1_000_000} MB (maxmemory) used"
    if used > FULL * most:
        yield warning("redis memory", f"{text}: what hosts say is not kept when it is full; raise maxmemory")
    else:
        yield ok("redis memory", text)
    if policy == "noeviction":
        yield ok("redis policy", "noeviction")
    else:
        yield warning("redis policy", f"{policy} forgets keys in use when memory is short: maxmemory-policy noeviction")


async def _clock(onlooker: Onlooker, wall_ms: Callable[[], float]) -> Finding:
    before_ms = wall_ms()
    theirs_ms = await onlooker.time_ms()
    if isinstance(theirs_ms, Failure):
        return warning("clock", f"that of Redis is not known: {theirs_ms.text}")
    return judge_clocks((before_ms + wall_ms()) / 2 - theirs_ms)


def judge_clocks(ahead_ms: float) -> Finding:
    """What it means that this machine's clock is so far ahead of that of Redis."""
    text = f"this machine's is {abs(ahead_ms) / 1000:.1f} s {'ahead of' if ahead_ms > 0 else 'behind'} that of Redis"
    if abs(ahead_ms) > CLOCKS_MS:
        return warning("clock", f"{text}: rooms do not mind, but certificates do, and logs cannot be compared (NTP)")
    return ok("clock", text)
