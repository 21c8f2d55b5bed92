"""Two associations joined by a seeded pipe that loses, repeats, delays and reorders, on a clock that only we move."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from miso.worker.sctp.association import Association
from miso.worker.sctp.events import Event, MessageReceived, SctpState

SECOND = 1_000_000


@dataclass
class Link:
    """One direction of the pipe; chances are from 0 to 1."""

    loss: float = 0.0
    repeat: float = 0.0
    reorder: float = 0.0
    delay_us: int = 10_000
    drop: Callable[[bytes], bool] | None = None
    packets: int = 0
    bytes: int = 0
    last_us: int = 0
    longest_silence_us: int = 0


class End:
    """An association and all that it said."""

    def __init__(self, association: Association) -> None:
        self.association = association
        self.events: list[Event] = []
        self.sent: list[bytes] = []

    def messages(self) -> list[tuple[int, int, bytes]]:
        return [(e.stream_id, e.ppid, e.data) for e in self.events if isinstance(e, MessageReceived)]

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


class World:
    """``a`` and ``b``, and what is on its way between them."""

    def __init__(
        self,
        *,
        seed: int = 1,
        module: ModuleType | None = None,
        a: dict[str, Any] | None = None,
        b: dict[str, Any] | None = None,
        **link: Any,
    ) -> None:
        self.now_us = SECOND
        self.random = random.Random(seed)
        self.secrets = random.Random(seed + 1)
        self._class = module.Association if module else Association
        self.a = End(self.make(**(a or {})))
        self.b = End(self.make(**(b or {})))
        self.links = {id(self.a): Link(**link), id(self.b): Link(**link)}
        self._on_the_way: list[tuple[int, int, End, bytes]] = []
        self._count = 0

    def make(self, **changes: Any) -> Association:
        settings: dict[str, Any] = {
            "local_port": 5000,
            "remote_port": 5000,
            "max_message_size": 262144,
            "send_buffer_size": 262144,
            "outbound_streams": 1024,
            "inbound_streams": 1024,
            "is_data_channel": False,
            "random": self.secrets.randbytes,
        }
        association: Association = self._class(**(settings | changes))
        return association

    def link_from(self, end: End) -> Link:
        return self.links[id(end)]

    def connect(self) -> None:
        self.a.association.start(self.now_us)
        self.b.association.start(self.now_us)
        self.run(until=lambda: self.is_connected())
        assert self.is_connected()

    def is_connected(self) -> bool:
        return self.a.association.state == self.b.association.state == SctpState.CONNECTED

    def send(self, data: bytes, *, stream_id: int = 1, ppid: int = 53, ordered: bool = True, **rest: Any) -> None:
        self.a.association.send(stream_id, ppid, data, ordered=ordered, now_us=self.now_us, **rest)

    def run(self, seconds: float = 60.0, until: Callable[[], bool] = lambda: False) -> None:
        """Moves the clock from event to event, until nothing happens any more, or so many seconds have passed."""
        end_us = self.now_us + int(seconds * SECOND)
        self._collect()
        while not until():
            times = [end.association.next_timer_us for end in (self.a, self.b)]
            next_us = min((t for t in times if t is not None), default=end_us + 1)
            if self._on_the_way:
                next_us = min(next_us, self._on_the_way[0][0])
            if next_us > end_us:
                self.now_us = end_us
                return
            self.now_us = max(self.now_us, next_us)
            self.step()

    def step(self) -> None:
        """All that is due now."""
        while self._on_the_way and self._on_the_way[0][0] <= self.now_us:
            _, _, end, packet = heapq.heappop(self._on_the_way)
            end.association.receive(packet, self.now_us)
        for end in (self.a, self.b):
            due_us = end.association.next_timer_us
            if due_us is not None and due_us <= self.now_us:
                end.association.on_timer(self.now_us)
        self._collect()

    def _collect(self) -> None:
        for end, other in ((self.a, self.b), (self.b, self.a)):
            end.events += end.association.take_events()
            for packet in end.association.take_packets():
                end.sent.append(packet)
                self._carry(self.link_from(end), packet, other)

    def _carry(self, link: Link, packet: bytes, to: End) -> None:
        link.packets += 1
        link.bytes += len(packet)
        if link.last_us:
            link.longest_silence_us = max(link.longest_silence_us, self.now_us - link.last_us)
        link.last_us = self.now_us
        if (link.drop and link.drop(packet)) or (link.loss and self.random.random() < link.loss):
            return
        for _copy in range(2 if link.repeat and self.random.random() < link.repeat else 1):
            delay_us = link.delay_us
            if link.reorder and self.random.random() < link.reorder:
                delay_us += self.random.randrange(4 * link.delay_us)
            self._count += 1
            heapq.heappush(self._on_the_way, (self.now_us + delay_us, self._count, to, packet))
