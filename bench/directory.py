"""How long news takes from host to host over Redis, and what it costs: ``python -m bench.directory``.

It starts a redis-server of its own, and nodes in this process, which share it. CPU is that of this process (all nodes
together) and of Redis; latency is from ``put`` on one node to ``changed`` on another one.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import time
from pathlib import Path

from miso.cluster.directory.node_id import new_node_id
from miso.cluster.directory.redis.redis_directory import RedisDirectory
from miso.cluster.directory.redis.url import parse_url
from miso.cluster.facts import Message, ParticipantFact, RoomFact
from tests.cluster.directory.redis.redis_server import RedisServer


class Clock:
    """A watcher that notes when it was told of what."""

    def __init__(self, node: str) -> None:
        self.took_s: list[float] = []
        self._node = node

    def changed(self, node: str, fact_key: str, fact: RoomFact | None) -> None:
        if node != self._node and isinstance(fact, ParticipantFact):
            self.took_s.append(time.monotonic() - fact.info["at"])

    def said(self, node: str, message: Message) -> None:
        """Nothing is said."""


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _own_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def measure(nodes: int, rooms: int, rate_hz: float, seconds: float) -> None:
    """Changes facts of one node at a steady rate, and prints what came of it."""
    server = RedisServer()
    await server.start()
    directories = [RedisDirectory(new_node_id(f"n{number}"), parse_url(server.url)) for number in range(nodes)]
    for directory in directories:
        await directory.start()
    clocks = [Clock(directory.node) for directory in directories]
    names = [f"room{number}" for number in range(rooms)]
    entries = [
        [directory.enter(name, clock) for name in names] for directory, clock in zip(directories, clocks, strict=True)
    ]
    for entered in entries:
        for entry in entered:
            await entry.synced()
    await asyncio.sleep(2)
    idle_own, idle_redis = _own_cpu_s(), _cpu_s(server.pid)
    await asyncio.sleep(5)
    idle_own, idle_redis = (_own_cpu_s() - idle_own) / 5, (_cpu_s(server.pid) - idle_redis) / 5
    own, redis, changes, started = _own_cpu_s(), _cpu_s(server.pid), 0, time.monotonic()
    while (now := time.monotonic()) < started + seconds:
        info = {"at": now, "displayName": "somebody", "device": {"name": "a browser", "version": "1"}}
        fact = ParticipantFact(participant=f"p{changes % 50}", shard="s", stamp=changes, info=info)
        entries[0][changes % rooms].put(fact)
        changes += 1
        await asyncio.sleep(max(0.0, started + changes / rate_hz - time.monotonic()))
    expected = changes * (nodes - 1)
    async with asyncio.timeout(30):
        while sum(len(clock.took_s) for clock in clocks) < expected:  # noqa: ASYNC110  a count is no event
            await asyncio.sleep(0.01)
    own, redis = _own_cpu_s() - own - seconds * idle_own, _cpu_s(server.pid) - redis - seconds * idle_redis
    took_ms = sorted(1000 * took_s for clock in clocks for took_s in clock.took_s)
    print(f"{nodes} nodes, {rooms} rooms, {changes} changes at {changes / seconds:.0f}/s, {expected} arrivals")
    for share in (0.5, 0.99, 1.0):
        print(f"  p{100 * share:<4g} {took_ms[min(len(took_ms) - 1, int(share * len(took_ms)))]:8.2f} ms")
    own_us, redis_us = 1e6 * own / changes, 1e6 * redis / changes
    print(f"  CPU for each change: {own_us:.0f} µs of all {nodes} nodes, {redis_us:.0f} µs of Redis")
    print(f"  idle: {100 * idle_own / nodes:.2f} % of a core for each node, {100 * idle_redis:.2f} % for Redis")
    for directory in directories:
        await directory.close()
    await server.close()


def main() -> None:
    """Reads arguments and measures."""
    parser = argparse.ArgumentParser(prog="python -m bench.directory", description=__doc__.split("\n\n")[0])
    parser.add_argument("--nodes", type=int, default=3, help="that share the rooms (default 3)")
    parser.add_argument("--rooms", type=int, default=20, help="that all nodes are in (default 20)")
    parser.add_argument("--rate", type=float, default=100, help="changes a second (default 100)")
    parser.add_argument("--seconds", type=float, default=10, help="of measuring (default 10)")
    options = parser.parse_args()
    asyncio.run(measure(options.nodes, options.rooms, options.rate, options.seconds))


if __name__ == "__main__":
    main()
