"""A world of hosts, rooms and people, with the faults that one seed says."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from miso.cluster.pipe_plan import plan
from tests.cluster.simulation.counts import Counts
from tests.cluster.simulation.host import SimHost
from tests.cluster.simulation.people import PING_TIMEOUT_S, Person
from tests.cluster.simulation.scheduler import Scheduler, Work
from tests.cluster.simulation.shard import Planner
from tests.cluster.simulation.store import Store
from tests.cluster.simulation.weather import Weather

REGIONS = ("eu-west-1", "eu-north-1", "us-east-1")


class Size(NamedTuple):
    """How large a world is, and how long what lasts.

    Attributes:
        hosts: How many hosts.
        participants: How many people.
        workers: How many workers a host has.
        arrivals_s: For how long people come.
        faults_s: For how long there are faults after that.
        quiet_s: How long all has to come to rest.
    """

    hosts: int = 200
    participants: int = 10_000
    workers: int = 2
    arrivals_s: float = 15.0
    faults_s: float = 45.0
    quiet_s: float = 45.0


class World:
    """Everything that there is in one run.

    Attributes:
        hosts: Those that were started, the dead ones included, by name and start.
        people: All people.
        store: What hosts share.
        counts: What happened.
    """

    def __init__(self, seed: int, size: Size, weather: Weather | None = None, planner: Planner = plan) -> None:
        self.seed = seed
        self.size = size
        self.scheduler = Scheduler(seed)
        self.weather = Weather.of(self.scheduler.random) if weather is None else weather
        self.store = Store(self.scheduler, self.weather)
        self.counts = Counts()
        self._planner = planner
        self._current: dict[str, SimHost] = {}
        self._names = [f"host{number}" for number in range(size.hosts)]
        self._are_upgraded = False
        for name in self._names:
            self.start(name)
        self.people: list[Person] = []
        self._fill_rooms()

    @property
    def hosts(self) -> list[SimHost]:
        """Those that run, or stand still."""
        return [host for host in self._current.values() if host.is_alive]

    def start(self, name: str) -> SimHost:
        """Starts a host, which was there before or not."""
        random = self.scheduler.random
        region = REGIONS[self._names.index(name) % len(REGIONS)]
        host = self._current[name] = SimHost(
            name,
            region,
            self.size.workers,
            self.store,
            self.counts,
            is_newer=random.random() < 0.1,
            planner=self._planner,
        )
        return host

    # ------------------------------------------------------------ how people find hosts

    def any_host(self, region: str) -> SimHost:
        """By chance, of the caller's region in most cases; now and then one that has died a moment ago."""
        random = self.scheduler.random
        host = self._current[random.choice(self._names)]
        for _ in range(6):
            if host.is_alive and (host.region == region or random.random() < 0.1):
                break
            host = self._current[random.choice(self._names)]
        return host

    def host_of(self, url: str) -> SimHost | None:
        return self._current.get(url.removeprefix("https://").split(".")[0])

    # ------------------------------------------------------------ rooms

    def _fill_rooms(self) -> None:
        """Most rooms are small, some have tens, and few have hundreds who mostly watch."""
        random = self.scheduler.random
        left, number = self.size.participants, 0
        while left > 0:
            kind = random.random()
            if kind < 0.75:
                people = random.randint(2, 6)
            elif kind < 0.99:
                people = random.randint(8, 40)
            else:
                people = random.randint(100, 400)
            people = min(people, left, max(6, self.size.participants // 4))
            left -= people
            self._fill_room(f"room{number}", people)
            number += 1

    def _fill_room(self, room: str, people: int) -> None:
        random = self.scheduler.random
        home = random.choice(REGIONS)
        near = random.sample(self._names, min(len(self._names), 2 if people < 8 else 3 + people // 40))
        entrance = RoomEntrance(self, near)
        senders = people if people < 8 else 5 + people // 40
        for number in range(people):
            self.people.append(
                Person(
                    f"{room}/p{number}",
                    room,
                    home if random.random() < 0.8 else random.choice(REGIONS),
                    random.choice(("all", "all", "all", "half", "none")),
                    random.choice((1, 1, 2, 3)) if number < senders else 0,
                    entrance,
                    self.counts,
                    self.scheduler,
                )
            )

    # ------------------------------------------------------------ the run

    def run(self, faults: Callable[[World], None]) -> None:
        """People come, faults happen, and then all has time to come to rest."""
        random = self.scheduler.random
        for person in self.people:
            self.scheduler.after(random.random() * self.size.arrivals_s, person.come)
        self.scheduler.run_until(self.size.arrivals_s)
        faults(self)
        end_s = self.size.arrivals_s + self.size.faults_s
        self.scheduler.run_until(end_s)
        self.mend()
        self.scheduler.run_until(end_s + self.size.quiet_s)
        self.counts.messages = self.store.messages
        self.counts.events = self.scheduler.done

    def mend(self) -> None:
        """All that is broken works from now on."""
        self.store.is_away = False
        self.store.weather = self.store.weather._replace(
            late=0.0, lost=0.0
        )  # else leases end that are renewed too late
        for host in self.hosts:
            host.directory.is_cut = False
            if host.is_paused:
                host.resume()
        for name in self._names:
            if not self._current[name].is_alive:
                self.start(name)

    def during_faults(self, work: Work) -> None:
        """Does something at some time while there are faults."""
        self.scheduler.after(self.scheduler.random.random() * self.size.faults_s, work)

    def a_host(self) -> SimHost | None:
        """One that runs, by chance."""
        running = [host for host in self.hosts if not host.is_paused]
        return self.scheduler.random.choice(running) if len(running) > 1 else None

    def pause(self, host: SimHost, for_s: float) -> None:
        """A host stands still; its people look for another one when it is for long."""
        host.pause()
        if for_s > PING_TIMEOUT_S / 2:
            random = self.scheduler.random
            for person in self.people:
                if person.seat is not None and person.seat.host is host:
                    delay_s = random.uniform(PING_TIMEOUT_S / 2, PING_TIMEOUT_S)
                    self.scheduler.after(delay_s, lambda person=person: person.notice_pause(host))  # type: ignore[misc]
        self.scheduler.after(for_s, lambda: host.resume() if host.is_paused else None)


class RoomEntrance:
    """How the people of one room find a host: most of them come through a few."""

    def __init__(self, world: World, near: list[str]) -> None:
        self._world = world
        self._near = near

    def any_host(self, region: str) -> SimHost:
        """One near the room's other people, or any."""
        random = self._world.scheduler.random
        if random.random() < 0.98:
            host = self._world.host_of(f"https://{random.choice(self._near)}.example/")
            if host is not None and host.is_alive:
                return host
        return self._world.any_host(region)

    def host_of(self, url: str) -> SimHost | None:
        """The one with this URL."""
        return self._world.host_of(url)
