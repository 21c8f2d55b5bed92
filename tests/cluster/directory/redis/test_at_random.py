"""Several nodes that do anything, while the network delays and breaks, and Redis loses what it has."""

from __future__ import annotations

import asyncio
import random

import pytest

from miso.cluster.directory.node_id import new_node_id
from miso.cluster.directory.redis.redis_directory import RedisDirectory
from miso.cluster.directory.redis.url import parse_url
from tests.cluster.directory.recorder import Recorder, known_by, participant, until, want
from tests.cluster.directory.redis.pair import Member
from tests.cluster.directory.redis.proxy import Proxy
from tests.cluster.directory.redis.redis_server import RedisServer
from tests.cluster.directory.redis.world import QUICK

NODES = 4
ROOMS = 3
STEPS = 250


class Player:
    """A node that does something at random, and comes back under another id when it has died."""

    def __init__(self, server: RedisServer, name: str, chance: random.Random) -> None:
        self.rooms: dict[str, Member] = {}
        self._server = server
        self._name = name
        self._chance = chance
        self._dead: list[tuple[RedisDirectory, Proxy]] = []

    async def start(self) -> None:
        self.proxy = Proxy(self._server.port)
        await self.proxy.start()
        url = parse_url(f"redis://127.0.0.1:{self.proxy.port}")
        self.directory = RedisDirectory(new_node_id(self._name), url, QUICK)
        await self.directory.start()

    async def act(self, nodes: list[str]) -> None:
        chance = self._chance
        room = f"room{chance.randrange(ROOMS)}"
        action = chance.random()
        if action < 0.03:
            self.proxy.break_all()
        elif action < 0.05:
            self.proxy.stall()
        elif action < 0.10:
            self.proxy.flow()
        elif action < 0.105:
            await self._die()
        elif room not in self.rooms:
            seen = Recorder()
            self.rooms[room] = Member(self.directory, self.directory.enter(room, seen), seen)
        elif action < 0.14:
            self.rooms.pop(room).entry.leave()
        else:
            number = str(chance.randrange(5))
            said = participant(self.directory, number, chance.randrange(1000))
            fact = chance.choice((said, want(self.directory, chance.choice(nodes), number)))
            if chance.random() < 0.3:
                self.rooms[room].entry.drop(fact.key)
            else:
                self.rooms[room].entry.put(fact)

    async def close(self) -> None:
        self.proxy.flow()
        for directory, proxy in [*self._dead, (self.directory, self.proxy)]:
            await directory.close()
            await proxy.close()

    async def _die(self) -> None:
        self.proxy.refuse()
        self.rooms.clear()
        self._dead.append((self.directory, self.proxy))
        self._name += "x"  # else it waits for its lease to end
        await self.start()


async def disturb(server: RedisServer, chance: random.Random) -> None:
    """Something happens to Redis."""
    action = chance.randrange(4)
    if action == 0:
        await server.run("FLUSHALL")
    elif action == 1:
        await server.run("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    elif action == 2:
        await server.kill()
        await server.start()
    else:
        for key in await server.keys():
            if chance.random() < 0.3:
                await server.run("DEL", key)


@pytest.mark.parametrize("seed", range(4))
async def test_when_quiet_every_watcher_has_seen_exactly_the_union(seed: int) -> None:
    chance = random.Random(seed)
    server = RedisServer()
    await server.start()
    players = [Player(server, f"n{number}", chance) for number in range(NODES)]
    for player in players:
        await player.start()
    for _ in range(STEPS):
        await chance.choice(players).act([player.directory.node for player in players])
        if chance.random() < 0.02:
            await disturb(server, chance)
        if chance.random() < 0.3:
            await asyncio.sleep(chance.choice((0, 0.001, 0.01, 0.1)))
    for player in players:
        player.proxy.flow()
    for room in {room for player in players for room in player.rooms}:
        members = [player.rooms[room] for player in players if room in player.rooms]
        union = {
            (member.directory.node, fact.key): fact for member in members for fact in member.entry.view.own.values()
        }
        for member in members:
            known = known_by(member.node, union)
            await member.seen.until(lambda it, known=known: it.facts == known)  # type: ignore[misc]
    await until(lambda: not any(player.directory.is_away for player in players))
    for player in players:
        await player.close()
    await server.close()
