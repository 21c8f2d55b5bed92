"""What goes wrong in a run, and when: all by chance."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from tests.cluster.simulation.host import SimHost
from tests.cluster.simulation.world import World


def by_chance(world: World) -> None:
    """Plans the faults of a run: of each kind as many as its size suggests, by chance none."""
    random = world.scheduler.random
    for kind, per_host in _PER_HOST.items():
        if random.random() < 0.7:
            for _ in range(_some(world, per_host * len(world.hosts))):
                world.during_faults(partial(_happens, world, kind))
    for kind in _OF_THE_STORE:
        if random.random() < 0.3:
            world.during_faults(partial(_happens, world, kind))
    for person in world.people:
        for what, share in ((person.touch_a_source, 0.3), (person.hop, 0.03), (person.vanish, 0.05)):
            if random.random() < share:
                world.during_faults(what)
        if random.random() < 0.1:
            world.during_faults(partial(person.watch, random.choice(("all", "half", "none"))))
        if random.random() < 0.1:
            world.during_faults(person.go)
            if random.random() < 0.7:
                world.during_faults(person.come)
    for person in random.sample(world.people, min(len(world.people), 3)):
        for second in range(int(world.size.faults_s)):
            world.scheduler.after(second, person.hop)
        world.counts.fault("people hopping each second")


def _some(world: World, mean: float) -> int:
    whole = int(mean)
    return whole + (1 if world.scheduler.random.random() < mean - whole else 0)


def _happens(world: World, kind: str) -> None:
    if _KINDS[kind](world):
        world.counts.fault(kind)
        world.scheduler.tell(kind)


# ---------------------------------------------------------------- of hosts


def _crash(world: World) -> bool:
    host = world.a_host()
    if host is None:
        return False
    world.scheduler.tell(f"{host.node} dies")
    host.die()
    world.scheduler.after(world.scheduler.random.uniform(0.1, 20.0), partial(_restart, world, host))
    return True


def _restart(world: World, host: SimHost) -> None:
    if world.host_of(f"https://{host.name}.example/") is host:
        world.start(host.name)


def _pause(world: World) -> bool:
    host = world.a_host()
    if host is None:
        return False
    for_s = world.scheduler.random.choice((0.3, 2.0, 5.0, 20.0))
    world.scheduler.tell(f"{host.node} stands still for {for_s} s")
    world.pause(host, for_s)
    return True


def _cut(world: World) -> bool:
    host = world.a_host()
    if host is None:
        return False
    for_s = world.scheduler.random.choice((0.5, 3.0, 10.0, 30.0))
    world.scheduler.tell(f"{host.node} is cut from the store for {for_s} s")
    host.directory.is_cut = True
    world.scheduler.after(for_s, lambda: setattr(host.directory, "is_cut", False))
    return True


def _worker_dies(world: World) -> bool:
    host = world.a_host()
    if host is None:
        return False
    host.worker_dies(world.scheduler.random.randrange(world.size.workers))
    return True


def _pipe_breaks(world: World) -> bool:
    host = world.a_host()
    if host is None:
        return False
    shards = [shard for room in host.rooms.values() for shard in room.shards.values()]
    return bool(shards) and world.scheduler.random.choice(shards).break_an_end()


def _drain(world: World) -> bool:
    host = world.a_host()
    if host is None or sum(host.is_draining for host in world.hosts) > len(world.hosts) / 4:
        return False
    host.begin_drain(world.scheduler.random.choice((0.0, 3.0, 10.0)))
    world.scheduler.after(15.0, lambda: _end_drain(world, host))
    return True


def _end_drain(world: World, host: SimHost) -> None:
    if host.is_alive and not host.is_paused:
        host.stop()
        _restart(world, host)


# ---------------------------------------------------------------- of the store


def _store_away(world: World) -> bool:
    _away(world, world.scheduler.random.choice((0.5, 3.0, 10.0, 20.0)))
    return True


def _store_empty(world: World) -> bool:
    world.store.lose_everything()
    _away(world, world.scheduler.random.choice((0.0, 1.0, 10.0)))
    return True


def _away(world: World, for_s: float) -> None:
    world.scheduler.tell(f"the store is away for {for_s} s")
    world.store.is_away = True
    world.scheduler.after(for_s, lambda: setattr(world.store, "is_away", False))


def _split(world: World) -> bool:
    """Some hosts cannot reach the store, all at once."""
    hosts = world.hosts
    cut = world.scheduler.random.sample(hosts, len(hosts) // 3)
    for host in cut:
        host.directory.is_cut = True
    for_s = world.scheduler.random.choice((2.0, 8.0, 20.0))
    world.scheduler.tell(f"a third of the hosts is cut from the store for {for_s} s")

    def heal() -> None:
        for host in cut:
            host.directory.is_cut = False

    world.scheduler.after(for_s, heal)
    return True


_PER_HOST: Final = {
    "hosts dead": 0.05,
    "hosts standing still": 0.05,
    "hosts cut from the store": 0.05,
    "workers dead": 0.05,
    "pipes broken": 0.5,
    "hosts drained": 0.03,
}
_OF_THE_STORE: Final = ("store away", "store empty", "cluster split")
_KINDS: Final[dict[str, Callable[[World], bool]]] = {
    "hosts dead": _crash,
    "hosts standing still": _pause,
    "hosts cut from the store": _cut,
    "workers dead": _worker_dies,
    "pipes broken": _pipe_breaks,
    "hosts drained": _drain,
    "store away": _store_away,
    "store empty": _store_empty,
    "cluster split": _split,
}
