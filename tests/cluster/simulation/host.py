"""A host: a process with a directory, workers and rooms, that people connect to; it may stand still, and die."""

from __future__ import annotations

from miso.cluster.errors import LimitError
from miso.cluster.facts import NodeFact, WorkerLoad
from miso.cluster.pipe_plan import plan
from miso.cluster.placement.choice import Candidate, choose_worker, is_full
from miso.cluster.placement.drain import DrainPace
from miso.cluster.placement.hosts import HostChooser
from miso.cluster.placement.load import LoadMeter
from tests.cluster.simulation.counts import Counts
from tests.cluster.simulation.directory import SimDirectory
from tests.cluster.simulation.host_room import HostRoom, Seat
from tests.cluster.simulation.media import SimProducer
from tests.cluster.simulation.scheduler import Scheduler, Work
from tests.cluster.simulation.shard import Planner
from tests.cluster.simulation.store import Store

SHARD_MADE_WITHIN_S = 0.05
EMPTY_SHARD_S = 5.0
_SYNC_EACH_S = 0.05
_SYNC_TRIES = 60
_LOAD_OF_ONE = 0.004
_PACKETS_OF_ONE = 400


class SimHost:
    """One controller process, with its workers.

    Attributes:
        name: Its host's name.
        node: Its id.
        is_alive: Whether it runs; False for ever after ``die``.
        is_paused: Whether it stands still.
        rooms: The rooms that it has a part of.
    """

    def __init__(
        self,
        name: str,
        region: str,
        workers: int,
        store: Store,
        counts: Counts,
        *,
        is_newer: bool = False,
        planner: Planner = plan,
    ) -> None:
        self.scheduler: Scheduler = store.scheduler
        self.store = store
        self.counts = counts
        self.name = name
        self.region = region
        self.node = f"{name}-{self.scheduler.random.getrandbits(32):08x}"
        self.is_alive = True
        self.is_paused = False
        self.is_draining = False
        self.rooms: dict[str, HostRoom] = {}
        self.directory = SimDirectory(self.node, store, self, is_newer=is_newer)
        random = self.scheduler.random
        self._rate = 1.0 + random.uniform(-0.01, 0.01)
        """How fast its clock goes."""
        self._clock_s = random.uniform(-1.0, 1.0) * store.weather.clocks_apart_s
        self._backlog: list[Work] = []
        self._planner = planner
        self._meters = [LoadMeter(self._now_s) for _ in range(workers)]
        self._cpu_s = [0.0] * workers
        self._packets = [0] * workers
        self._reported_s = self._now_s
        self._chooser = HostChooser(random)
        self._drain: DrainPace | None = None
        self.directory.start(self._fact())
        self._report()

    def clock_ms(self) -> int:
        """The time, as it shows it: it was 2026 when the world began."""
        return 1_767_225_600_000 + int(self._now_s * 1000)

    @property
    def _now_s(self) -> float:
        """Its own clock."""
        return self._clock_s + self.scheduler.now_s * self._rate

    # ------------------------------------------------------------ the process

    def after(self, delay_s: float, work: Work) -> None:
        """Does something then, by its own clock; later when it stands still; never when it has died."""
        self.scheduler.after(delay_s / self._rate, lambda: self.run(work))

    def run(self, work: Work) -> None:
        """Does something now; later when it stands still; never when it has died."""
        if self.is_paused:
            self._backlog.append(work)
        elif self.is_alive:
            work()

    def pause(self) -> None:
        """It stands still."""
        self.is_paused = True

    def resume(self) -> None:
        """It runs again, and does all that was to be done meanwhile."""
        self.is_paused = False
        backlog, self._backlog = self._backlog, []
        for work in backlog:
            if self.is_alive:
                work()

    def die(self) -> None:
        """It is no more: nobody is told, but its clients' connections end."""
        self.is_alive = False
        self._backlog.clear()
        self.store.detach(self.node)
        for room in self.rooms.values():
            for seat in room.seats.values():
                self.tell(seat, lambda seat=seat: seat.client.lost(seat))  # type: ignore[misc]

    def stop(self) -> None:
        """It ends orderly: takes back all that it said, and its clients' connections end."""
        for name in list(self.rooms):
            room = self.rooms.pop(name)
            room.room.close()
            for seat in room.seats.values():
                self.tell(seat, lambda seat=seat: seat.client.lost(seat))  # type: ignore[misc]
        self.is_alive = False
        self.store.detach(self.node)
        self.store.say_goodbye(self.node)

    def tell(self, seat: Seat, work: Work) -> None:
        """Lets a client know, if it still listens."""
        self.scheduler.after(self.scheduler.random.random() * 0.1, lambda: work() if seat.client.is_at(seat) else None)

    # ------------------------------------------------------------ people

    def connect(self, seat: Seat) -> None:
        """A client is here, and wants to be in its room."""
        if self.is_draining or is_full(self._candidates(None)):
            other = self._chooser.choose(
                self.directory.nodes.values(),
                self._fact(),
                self._now_s,
                region=seat.client.region,
                hops=seat.hops,
                passed=seat.passed,
            )
            if other is not None:
                self.counts.sent_elsewhere += 1
                self.tell(seat, lambda: seat.client.go_to(seat, other))
                return
        self._join(seat, _SYNC_TRIES)

    def _join(self, seat: Seat, tries: int) -> None:
        if seat.is_over:
            return
        client = seat.client
        room = self.rooms.get(client.room)
        if room is None:
            room = self.rooms[client.room] = HostRoom(client.room, self)
        if not room.entry.is_synced:
            if tries:
                self.after(_SYNC_EACH_S, lambda: self._join(seat, tries - 1))
            else:
                self.counts.retries += 1
                self.close_if_empty(client.room)
                self.tell(seat, lambda: client.retry(seat))
            return
        room.joining += 1
        worker = choose_worker(self._candidates(room), self.scheduler.random, sends=client.sends > 0)
        assert worker is not None
        self._meters[worker].place(client.id, self._now_s, sends=client.sends > 0)
        delay_s = 0.001 if worker in room.shards else self.scheduler.random.random() * SHARD_MADE_WITHIN_S
        self.after(delay_s, lambda: self._enter(seat, worker))

    def _enter(self, seat: Seat, worker: int) -> None:
        client = seat.client
        room = self.rooms[client.room]
        room.joining -= 1
        if seat.is_over or worker >= len(self._meters):
            self._meters[worker].leave(client.id)
            self.close_if_empty(client.room)
            return
        old = room.seats.get(client.id)
        if old is not None:
            self.leave(old)
            self.tell(old, lambda: old.client.sent_away(old))
        shard = room.shard_on(worker, self._planner)
        try:
            seat.member = room.room.enter(client.id, shard.id, {"displayName": client.id})
        except LimitError:
            self.counts.retries += 1
            self._meters[worker].leave(client.id)
            self.after(EMPTY_SHARD_S, lambda: self.close_if_empty(client.room))
            self.tell(seat, lambda: client.retry(seat))
            return
        seat.shard = shard
        room.seats[client.id] = seat
        room.look_at_wants()
        self.counts.joins += 1
        self.tell(seat, lambda: client.seated(seat))

    def produce(self, seat: Seat, source: str, *, is_data: bool) -> None:
        """A client sends something."""
        if seat.member is None or seat.is_over or seat.shard is None:
            return
        producer = SimProducer(source)
        seat.producers.append(producer)
        if is_data:
            seat.member.offer_data(producer)  # type: ignore[arg-type]
        else:
            seat.member.offer(producer)  # type: ignore[arg-type]

    def watches_another_way(self, seat: Seat) -> None:
        """A client watches something else now."""
        room = self.rooms.get(seat.client.room)
        if room is not None:
            self.after(0.0, room.look_at_wants)

    def leave(self, seat: Seat) -> None:
        """A client is gone, or counts as gone."""
        room = self.rooms.get(seat.client.room)
        if not seat.is_over and room is not None and room.seats.get(seat.client.id) is seat:
            del room.seats[seat.client.id]
            self.clear(seat)
        seat.is_over = True

    def clear(self, seat: Seat) -> None:
        """Nothing of a client is said any more."""
        seat.is_over = True
        if seat.shard is not None:
            self._meters[seat.shard.worker].leave(seat.client.id)
        if seat.member is not None:
            seat.member.leave()
        name = seat.client.room
        self.rooms[name].look_at_wants()
        self.after(EMPTY_SHARD_S, lambda: self.close_if_empty(name))

    def close_if_empty(self, name: str) -> None:
        """Ends what nobody uses of a room."""
        room = self.rooms.get(name)
        if room is None:
            return
        room.close_empty()
        if not room.seats and not room.joining:
            room.room.close()
            del self.rooms[name]

    # ------------------------------------------------------------ its workers

    def worker_dies(self, worker: int) -> None:
        """A worker is no more, with its shards; another one takes its place."""
        for room in list(self.rooms.values()):
            shard = room.shards.get(worker)
            if shard is None:
                continue
            for seat in [seat for seat in room.seats.values() if seat.shard is shard]:
                self.leave(seat)
                self.tell(seat, lambda seat=seat: seat.client.lost(seat))  # type: ignore[misc]
            room.end(worker)
        self._meters[worker] = LoadMeter(self._now_s)
        self._cpu_s[worker], self._packets[worker] = 0.0, 0

    def _candidates(self, room: HostRoom | None) -> list[Candidate]:
        return [
            Candidate(number, meter.load, room is not None and number in room.shards, meter.is_stale(self._now_s))
            for number, meter in enumerate(self._meters)
        ]

    def _report(self) -> None:
        """Its workers tell what they use."""
        self.after(1.0, self._report)
        now_s = self._now_s
        since_s, self._reported_s = now_s - self._reported_s, now_s
        for number, meter in enumerate(self._meters):
            self._cpu_s[number] += min(1.0, _LOAD_OF_ONE * meter.participants) * since_s
            self._packets[number] += int(_PACKETS_OF_ONE * meter.participants * since_s)
            meter.report(now_s, self._cpu_s[number], self._packets[number])
        self.directory.announce(self._fact())
        if self._drain is not None:
            seats = [seat for room in self.rooms.values() for seat in room.seats.values()]
            for seat in seats[: self._drain.due(now_s, len(seats))]:
                self.counts.drained += 1
                self.leave(seat)
                self.tell(seat, lambda seat=seat: seat.client.lost(seat))  # type: ignore[misc]

    def begin_drain(self, timeout_s: float) -> None:
        """It takes nobody new, and tells its people to go."""
        self.is_draining = True
        self._drain = DrainPace(self._now_s, timeout_s)
        self.directory.announce(self._fact())

    def _fact(self) -> NodeFact:
        return NodeFact(
            node=self.node,
            name=self.name,
            region=self.region,
            ip="10.0.0.1",
            url=f"https://{self.name}.example/",
            draining=self.is_draining,
            workers=[
                WorkerLoad(
                    worker=number, cpu=round(meter.cpu, 2), packets_per_s=round(meter.packets_per_s, -3), shards=0
                )
                for number, meter in enumerate(self._meters)
            ],
        )
