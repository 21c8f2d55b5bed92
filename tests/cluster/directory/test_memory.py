"""The directory in memory, whose nodes hear of each other late, twice, and in any order."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from miso.cluster.directory.memory import MemoryDirectory, MemoryEntry, MemoryStore
from tests.cluster.directory.recorder import Recorder, known_by, participant, want


class Chaos:
    """Does what is to be done later in a random order, and some of it twice."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._waiting: list[Callable[[], None]] = []

    def later(self, work: Callable[[], None]) -> None:
        self._waiting.append(work)

    def run(self, at_most: int) -> None:
        for _ in range(at_most):
            if not self._waiting:
                return
            at = self.random.randrange(len(self._waiting))
            work = self._waiting[at] if self.random.random() < 0.2 else self._waiting.pop(at)
            work()

    def run_all(self) -> None:
        while self._waiting:
            self._waiting.pop(self.random.randrange(len(self._waiting)))()


class Player:
    """A node that does something at random, and comes back under another id when it has died."""

    def __init__(self, store: MemoryStore, name: str) -> None:
        self.incarnation = 0
        self.name = name
        self.store = store
        self.rooms: dict[str, tuple[MemoryEntry, Recorder]] = {}
        self.directory: MemoryDirectory

    async def start(self) -> None:
        self.incarnation += 1
        self.directory = MemoryDirectory(f"{self.name}-{self.incarnation:08x}", self.store)
        await self.directory.start()

    async def act(self, chaos: random.Random, nodes: list[str]) -> None:
        room = f"room{chaos.randrange(3)}"
        action = chaos.random()
        if action < 0.04:
            if not self.directory.is_away:
                self.store.cut(self.directory.node)
        elif action < 0.08:
            if self.directory.is_away:
                self.store.heal(self.directory.node)
        elif action < 0.10:
            self.store.end_lease(self.directory.node)
            if not self.directory.is_away:  # it notices with its next sign of life
                self.store.heal(self.directory.node)
        elif action < 0.12:
            self.store.crash(self.directory.node)
            self.store.end_lease(self.directory.node)
            self.rooms.clear()
            await self.start()
        elif room not in self.rooms:
            recorder = Recorder()
            self.rooms[room] = (self.directory.enter(room, recorder), recorder)
        elif action < 0.2:
            self.rooms.pop(room)[0].leave()
        else:
            number = str(chaos.randrange(5))
            fact = chaos.choice(
                (
                    participant(self.directory, number, chaos.randrange(100)),
                    want(self.directory, chaos.choice(nodes), number),
                )
            )
            entry = self.rooms[room][0]
            if chaos.random() < 0.3:
                entry.drop(fact.key)
            else:
                entry.put(fact)


@pytest.mark.parametrize("seed", range(40))
async def test_when_quiet_every_watcher_has_seen_exactly_the_union(seed: int) -> None:
    chaos = Chaos(seed)
    store = MemoryStore(chaos.later)
    players = [Player(store, f"n{number}") for number in range(chaos.random.randint(2, 6))]
    for player in players:
        await player.start()
    for _ in range(400):
        await chaos.random.choice(players).act(chaos.random, [player.directory.node for player in players])
        chaos.run(chaos.random.choice((0, 0, 1, 5, 50)))
    for player in players:
        if player.directory.is_away:
            store.heal(player.directory.node)
    chaos.run_all()
    for room in ("room0", "room1", "room2"):
        own = {
            (player.directory.node, key): fact
            for player in players
            if room in player.rooms
            for (node, key), fact in player.rooms[room][1].facts.items()
            if node == player.directory.node
        }
        for player in players:
            if room in player.rooms:
                assert player.rooms[room][1].facts == known_by(player.directory.node, own), (room, player.name)
        kept = {(node, key) for node, facts in store.rooms.get(room, {}).items() for key in facts}
        assert kept == set(own)
