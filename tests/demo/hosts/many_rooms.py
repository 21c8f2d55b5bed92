"""Makes and leaves rooms over three servers and a Redis, and looks whether anything of them is kept.

``python -m tests.demo.hosts.many_rooms`` starts a redis-server and three servers with two workers each, and has 2,000
rooms made and left, each by two to four people on at least two of the servers. Most rooms have people who send sound,
pictures or messages, which the others are given, over pipes where they must; some are left before all that has come, or
without a goodbye.

It passes when then the keys in Redis are those of before, the workers have no router and no transport, and every
process has as many descriptors as after the first tenth of the rooms (a controller two more, for connections to Redis),
at most 5 % (or 4 MB) more memory, each server as many tasks, and at most one object more for two rooms, or 500.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from websockets.exceptions import InvalidStatus, WebSocketException

from miso.cluster.directory.redis.keys import PREFIX
from native.extensions import build
from tests.cluster.directory.redis.redis_server import RedisServer
from tests.demo.client import AUDIO, VIDEO, Rejected, RoomClient
from tests.demo.hosts.server_process import Held, ServerProcess
from tests.soak.processes import Holding

MEMORY_GROWTH = 0.05
MEMORY_GROWTH_BYTES = 4 * 2**20
CONNECTIONS = 2
"""A controller keeps those to Redis that it has once needed at the same time."""
OBJECTS = 500
"""So many more are no matter: what is remembered for a minute, of one address say."""
_LIMITS = (
    *(f"max_{what}_per_address" for what in ("sockets", "connections", "rooms", "transports")),
    *(f"{what}_per_minute" for what in ("connections", "joins", "rooms", "transports")),
)
"""Of one address, which all people of this come from."""
_EMPTY_S = 60.0
_MOST_TOLD = 20
_TRY_AGAIN = 503
_LATE_SHARE = 0.1
"""More rooms than this whose people wait in vain are wrong; some do where a machine has too much to do."""
_GONE = (OSError, WebSocketException, Rejected)


@dataclass(frozen=True)
class Look:
    """What there is while there is no room.

    Attributes:
        keys: The names of Redis' keys.
        held: What each server holds.
        processes: What each process holds.
    """

    keys: list[str]
    held: list[Held]
    processes: dict[str, Holding]


class Trial:
    """Servers, and what was seen of them.

    Attributes:
        counts: What people did.
        failures: What was not as it should be.

    Args:
        redis: Where they meet.
        servers: They.
        at_once: How many rooms there are at the same time.
        seed: Of chance.
    """

    def __init__(self, redis: RedisServer, servers: Sequence[ServerProcess], at_once: int, seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        self._redis = redis
        self._servers = servers
        self._places = asyncio.Semaphore(at_once)
        self._seed = seed

    async def run(self, rooms: range) -> Look:
        """Makes and leaves rooms, and looks when there is none any more."""
        async with asyncio.TaskGroup() as group:
            for number in rooms:
                await self._places.acquire()
                group.create_task(self._room(number)).add_done_callback(lambda _: self._places.release())
        return await self.look()

    async def look(self) -> Look:
        """Waits until no server has a room, and looks."""
        end_s = time.monotonic() + _EMPTY_S
        while True:
            held = [await server.ask() for server in self._servers]
            lasting = [key for key in await self._redis.keys() if not is_of_nodes(key)]
            if not lasting and not any(one.rooms or one.routers for one in held):
                break
            if time.monotonic() > end_s:
                self.failures.append(f"after {_EMPTY_S:.0f} s there is: {held}, in Redis {lasting[:10]}")
                break
            await asyncio.sleep(0.2)
        processes: dict[str, Holding] = {}
        for name, server in zip("abc", self._servers, strict=True):
            processes |= {f"{name} {what}": one for what, one in (await server.processes()).items()}
        held = [await server.ask() for server in self._servers]
        return Look(await self._redis.keys(), held, processes)

    async def _room(self, number: int) -> None:
        chance = random.Random(f"{self._seed} {number}")
        hosts = chance.sample(range(len(self._servers)), 2) + chance.choices(range(len(self._servers)), k=2)
        people: list[RoomClient] = []
        try:
            for person, host in enumerate(hosts[: chance.choice((2, 2, 3, 4))]):
                client = await self._come(self._servers[host].url, f"room-{number}", f"p{person}")
                people.append(client)
                await client.join(data=True)
            self.counts["people"] += len(people)
            hurries = chance.random() < 0.2
            given = await self._send(people, chance)
            if not hurries:
                for client, count in zip(people, given, strict=True):
                    await client.seen("newConsumer", count=count) if count else None
                    self.counts["given"] += count
        except TimeoutError:
            self.counts["rooms that took too long"] += 1
        except _GONE as error:
            self.failures.append(f"room {number}: {type(error).__name__} {error}")
        chance.shuffle(people)
        for client in people:
            if chance.random() < 0.3:
                client.abort()
                self.counts["gone without a goodbye"] += 1
            else:
                await client.close()

    async def _come(self, url: str, room: str, person: str) -> RoomClient:
        """Connects; who is told to try again, because Redis does not answer in time, does so."""
        end_s = time.monotonic() + _EMPTY_S
        while True:
            try:
                return await RoomClient.connect(url, room, person)
            except InvalidStatus as error:
                if error.response.status_code != _TRY_AGAIN or time.monotonic() > end_s:
                    raise
                self.counts["told to try again"] += 1
                await asyncio.sleep(0.5)

    async def _send(self, people: list[RoomClient], chance: random.Random) -> list[int]:
        """Some send; how much each of them is to be given."""
        given = [0] * len(people)
        for index, client in enumerate(people):
            for kind, parameters in (("audio", AUDIO), ("video", VIDEO)):
                if chance.random() < 0.5:
                    await client.produce(kind, parameters)
                    self.counts[kind] += 1
                    given = [count + (other != index) for other, count in enumerate(given)]
            if chance.random() < 0.2:
                await client.produce_data("chat")
                self.counts["chat"] += 1
        return given


def is_of_nodes(key: str) -> bool:
    """Whether a key is of the hosts, and not of a room: their leases, and what they are told."""
    return key.startswith((PREFIX + "{nodes}:", PREFIX + "inbox:"))


def judge(begin: Look, first: Look, last: Look, rooms: int) -> list[str]:
    """What is kept of rooms.

    Args:
        begin: Before the first.
        first: After some.
        last: After all.
        rooms: How many were made between the last two.
    """
    wrong = []
    if new := {key for key in last.keys if not is_of_nodes(key)} ^ {key for key in begin.keys if not is_of_nodes(key)}:
        wrong.append(f"keys in Redis: {sorted(new)[:10]}")
    if len(last.keys) > len(first.keys):
        wrong.append(f"DBSIZE {len(last.keys)}, {len(first.keys)} before")
    for name, before, after in zip("abc", first.held, last.held, strict=True):
        if after.routers or after.transports or after.rooms:
            wrong.append(f"{name}: {after.rooms} rooms, {after.routers} routers, {after.transports} transports")
        if after.tasks > before.tasks:
            wrong.append(f"{name}: {after.tasks} tasks, {before.tasks} before")
        if after.objects - before.objects > max(rooms // 2, OBJECTS):
            wrong.append(f"{name}: {after.objects} objects, {before.objects} before")
    for name, process in last.processes.items():
        earlier = first.processes[name]
        if process.descriptors > earlier.descriptors + (CONNECTIONS if "controller" in name else 0):
            wrong.append(f"{name}: {process.descriptors} descriptors, {earlier.descriptors} before")
        if process.rss_bytes - earlier.rss_bytes > max(MEMORY_GROWTH * earlier.rss_bytes, MEMORY_GROWTH_BYTES):
            wrong.append(f"{name}: {process.rss_bytes} bytes of memory, {earlier.rss_bytes} before")
    return wrong


def show(moment: str, look: Look) -> None:
    """Prints a look."""
    print(f"{time.strftime('%H:%M:%S')} {moment}: {len(look.keys)} keys in Redis")
    for name, held in zip("abc", look.held, strict=True):
        print(
            f"  {name} has had {held.routed} routers and {held.piped} ends of pipes; has {held.tasks} tasks,"
            f" {held.objects} objects, {held.routers} routers"
        )
    of_processes = (
        f"{name}: {one.descriptors} fd {one.rss_bytes / 2**20:.1f} MB" for name, one in look.processes.items()
    )
    print(f"  {'  '.join(of_processes)}", flush=True)


async def try_rooms(rooms: int, warm_up: int, at_once: int, seed: int) -> list[str]:
    """Starts all, makes and leaves the rooms, prints what it sees; what is wrong."""
    async with AsyncExitStack() as stack:
        redis = RedisServer()
        stack.push_async_callback(redis.close)
        await redis.start()
        servers = []
        for name in "abc":
            server = ServerProcess(
                Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="miso-rooms-"))),
                redis=redis.url,
                node_name=name,
                cluster_address="127.0.0.1",
                workers=2,
                spread_viewers_at=0,
                spread_senders_at=0,
                spread_gain=0,
                **dict.fromkeys(_LIMITS, 0),
            )
            stack.push_async_callback(server.close)
            servers.append(server)
        await asyncio.gather(*(server.start() for server in servers))
        while min([(await server.ask()).nodes for server in servers]) < len(servers):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        trial = Trial(redis, servers, at_once, seed)
        begin = await trial.look()
        show("before", begin)
        first = await trial.run(range(warm_up))
        show(f"{warm_up} rooms", first)
        last = await trial.run(range(warm_up, rooms))
        show(f"{rooms} rooms", last)
        print(", ".join(f"{what}: {count}" for what, count in trial.counts.items()))
        if not all(held.piped for held in last.held):
            trial.failures.append("a server has had no pipe")
        if trial.counts["rooms that took too long"] > _LATE_SHARE * rooms:
            trial.failures.append("too many rooms took too long")
        return trial.failures + judge(begin, first, last, rooms - warm_up)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 1 when something is kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo.hosts.many_rooms", description=__doc__)
    parser.add_argument("--rooms", type=int, default=2000, help="how many (default: %(default)s)")
    parser.add_argument("--warm-up", type=int, help="rooms before the first look (default: a tenth)")
    parser.add_argument("--at-once", type=int, default=10, help="rooms at the same time (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of chance (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    warm_up = chosen.rooms // 10 if chosen.warm_up is None else chosen.warm_up
    if not 0 < warm_up < chosen.rooms or chosen.at_once < 1:
        parser.error("--warm-up must be less than --rooms, and at least one room be there at once")
    build()
    wrong = asyncio.run(try_rooms(chosen.rooms, warm_up, chosen.at_once, chosen.seed))
    for problem in wrong[:_MOST_TOLD]:
        print(problem)
    print(f"failed: {len(wrong)}" if wrong else "passed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
