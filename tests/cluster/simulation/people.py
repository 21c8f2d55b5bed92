"""People: they come, send and watch, go, hop from host to host, and come again when their connection ends."""

from __future__ import annotations

from typing import Protocol

from miso.cluster.facts import NodeFact
from tests.cluster.simulation.counts import Counts
from tests.cluster.simulation.host import SimHost
from tests.cluster.simulation.host_room import Seat
from tests.cluster.simulation.scheduler import Scheduler

PING_TIMEOUT_S = 12.0
_RETRY_S = 2.0
_NOTICED_S = 4.0
_GIVES_UP_S = 8.0


class Entrance(Protocol):
    """How people find a host."""

    def any_host(self, region: str) -> SimHost:
        """One that a name server would give them; it may have died."""

    def host_of(self, url: str) -> SimHost | None:
        """The one with this URL."""


class Person:
    """One client.

    Attributes:
        id: Its id in the room.
        room: Where it wants to be.
        region: Where it is.
        watches: What it watches: ``all``, ``half`` or ``none``.
        sends: How many producers it has.
        wants_in: Whether it wants to be in the room.
        seat: Its present connection.
        is_in: Whether it has been told that it is in.
    """

    def __init__(
        self,
        name: str,
        room: str,
        region: str,
        watches: str,
        sends: int,
        entrance: Entrance,
        counts: Counts,
        scheduler: Scheduler,
    ) -> None:
        self.id = name
        self.room = room
        self.region = region
        self.watches = watches
        self.sends = sends
        self.wants_in = False
        self.seat: Seat | None = None
        self.is_in = False
        self._entrance = entrance
        self._counts = counts
        self._scheduler = scheduler
        self._count = 0

    def come(self) -> None:
        """It comes."""
        if not self.wants_in:
            self.wants_in = True
            self._connect(self._entrance.any_host(self.region), 0, [])

    def go(self) -> None:
        """It goes, with a goodbye."""
        self.wants_in = False
        self._leave(within_s=0.1)

    def vanish(self) -> None:
        """Its network breaks: it comes again through another host; the old one notices after some seconds."""
        if self.wants_in:
            self._leave(within_s=PING_TIMEOUT_S)
            self._again(self._scheduler.random.random() * _NOTICED_S)

    def hop(self) -> None:
        """It comes again through another host at once."""
        if self.wants_in:
            random = self._scheduler.random
            self._leave(within_s=random.choice((0.01, 0.1, PING_TIMEOUT_S)))
            self._connect(self._entrance.any_host(self.region), 0, [])

    def watch(self, what: str) -> None:
        """It watches something else from now on."""
        self.watches = what
        if self.seat is not None and not self.seat.is_over:
            self.seat.host.watches_another_way(self.seat)

    def touch_a_source(self) -> None:
        """It pauses, resumes or ends something that it sends, or begins to send something more."""
        seat, random = self.seat, self._scheduler.random
        if seat is None or not self.is_in:
            return
        if not seat.producers or random.random() < 0.3:
            self._produce(seat)
            return
        producer = random.choice(seat.producers)
        if random.random() < 0.4:
            seat.producers.remove(producer)
            seat.host.after(0.0, producer.close)
        else:
            seat.host.after(0.0, lambda: producer.pause(paused=not producer.paused))

    # ------------------------------------------------------------ what its host tells

    def is_at(self, seat: Seat) -> bool:
        return self.seat is seat

    def seated(self, seat: Seat) -> None:
        self.is_in = True
        for _ in range(self.sends):
            self._scheduler.after(self._scheduler.random.random(), lambda: self._produce(seat))

    def retry(self, seat: Seat) -> None:
        self._again(_RETRY_S)

    def go_to(self, seat: Seat, node: NodeFact) -> None:
        seat.is_over = True
        host = self._entrance.host_of(node.url)
        if host is None:
            self._again(_RETRY_S)
        else:
            self._connect(host, seat.hops + 1, [*seat.passed, seat.host.name])

    def sent_away(self, seat: Seat) -> None:
        self._counts.displaced_live += 1
        self._again(_RETRY_S)

    def lost(self, seat: Seat) -> None:
        self._again(self._scheduler.random.random() * _NOTICED_S)

    # ------------------------------------------------------------

    def _produce(self, seat: Seat) -> None:
        if self.seat is not seat or len(seat.producers) >= 4:
            return
        self._count += 1
        source = f"{self.id}-{self._count}-{self._scheduler.random.getrandbits(32):08x}"
        is_data = self._scheduler.random.random() < 0.2
        seat.host.after(0.0, lambda: seat.host.produce(seat, source, is_data=is_data))

    def _leave(self, *, within_s: float) -> None:
        seat, self.seat, self.is_in = self.seat, None, False
        if seat is not None:
            seat.host.after(self._scheduler.random.random() * within_s, lambda: seat.host.leave(seat))

    def _again(self, delay_s: float) -> None:
        """It comes again in a moment."""
        self._leave(within_s=0.1)
        self._scheduler.after(delay_s, self._come_again)

    def _come_again(self) -> None:
        if self.wants_in and self.seat is None:
            self._connect(self._entrance.any_host(self.region), 0, [])

    def _connect(self, host: SimHost, hops: int, passed: list[str]) -> None:
        if not self.wants_in:
            return
        if not host.is_alive:
            self.seat = None
            self._scheduler.after(0.5, self._come_again)
            return
        seat = self.seat = Seat(host, self, hops, passed)
        self.is_in = False
        delay_s = self._scheduler.random.random() * 0.1
        host.after(delay_s, lambda: host.connect(seat))
        self._scheduler.after(_GIVES_UP_S, lambda: self._give_up(seat))

    def _give_up(self, seat: Seat) -> None:
        """A host that does not let it in for so long is tried no longer."""
        if self.seat is seat and not self.is_in:
            self._again(0.5)

    def notice_pause(self, host: SimHost) -> None:
        """Its host stands still for so long that it looks for another one."""
        if self.seat is not None and self.seat.host is host and host.is_paused:
            self.vanish()
