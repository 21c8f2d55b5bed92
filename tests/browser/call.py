"""A call over three servers: a page on each, and on the last two somebody without a browser who notes packets."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Self

from tests.browser.cameras import Camera
from tests.browser.cluster import Cluster
from tests.browser.marks import MARK_FRAMES, frame_times
from tests.browser.people import ARRIVAL_TIMEOUT, Crowd, Person, eventually
from tests.browser.witness import Witness, longest_gap_s

ROOM = "one"
SLOW = Camera(320, 180, 15)
"""One machine encodes and decodes for all of them."""


@dataclass(frozen=True)
class Flow:
    """Video from one to another during a span, in seconds.

    Attributes:
        name: From whom to whom.
        gap: The longest time without a packet at the receiver.
        gap_before: The same in the span before.
        delayed: By how much later the latest frame came than most before.
        sender_gap: The longest time without a frame at its sender.
    """

    name: str
    gap: float
    gap_before: float
    delayed: float
    sender_gap: float

    def __str__(self) -> str:
        return (
            f"{self.name}: longest gap between packets {self.gap * 1000:.0f} ms "
            f"(before {self.gap_before * 1000:.0f} ms, between frames at the sender {self.sender_gap * 1000:.0f} ms); "
            f"the latest frame came {self.delayed * 1000:.0f} ms later than usual"
        )


@dataclass
class Call:
    """Three pages and two witnesses, who all see each other.

    Attributes:
        cluster: The servers.
        pages: Each on the server of its number.
        witnesses: On the last two servers; what they send and get is known to the packet.
    """

    cluster: Cluster
    pages: list[Person]
    witnesses: list[Witness]

    @classmethod
    async def begin(cls, crowd: Crowd, cluster: Cluster) -> Self:
        """Returns when everybody sees everybody."""
        names = ("Ana", "Bo", "Chi")
        pages = [
            await cluster.come(crowd, number, name, ROOM, SLOW, script=MARK_FRAMES) for number, name in enumerate(names)
        ]
        joins = (Witness.join(cluster.servers[number], ROOM, f"witness-{number}", sends=True) for number in (1, 2))
        call = cls(cluster, pages, list(await asyncio.gather(*joins)))
        one, other = call.witnesses

        async def see_each_other() -> bool:
            return bool(one.packets(other.peer_id) and other.packets(one.peer_id))

        await eventually(see_each_other, ARRIVAL_TIMEOUT, cluster.logs)
        for page in pages:
            await page.wait_for_media(*(person for person in pages if person is not page))
        return call

    def flows(self, begin_s: float, end_s: float, before_s: float) -> list[Flow]:
        """What became of the witnesses' video between two times since 1970, beside so many seconds before."""
        one, other = self.witnesses
        return [_flow(*pair, begin_s, end_s, before_s) for pair in ((one, other), (other, one))]

    async def end(self) -> None:
        """The witnesses leave."""
        for witness in self.witnesses:
            await witness.close()


async def page_gap_s(sees: Person, seen: Person, begin_s: float, end_s: float) -> float:
    """The longest time in which a page has shown no frame of somebody."""
    streams = await frame_times(sees, seen)
    return longest_gap_s(sorted(time_s for times in streams.values() for time_s in times), begin_s, end_s)


def _flow(sender: Witness, receiver: Witness, begin_s: float, end_s: float, before_s: float) -> Flow:
    arrivals = receiver.arrivals(sender.peer_id)
    delays = receiver.delays(sender)
    usual = sorted(delay for sent_s, delay in delays if sent_s < begin_s)
    return Flow(
        f"{sender.peer_id} at {receiver.peer_id}",
        longest_gap_s(arrivals, begin_s, end_s),
        longest_gap_s(arrivals, begin_s - before_s, begin_s),
        max(delay for sent_s, delay in delays if sent_s >= begin_s) - usual[len(usual) // 2],
        longest_gap_s(sorted(sender.sent.values()), begin_s, end_s),
    )
