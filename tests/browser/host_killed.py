"""One of three servers is killed in a call: how soon its page is back, and whether the others' video stands still.

``python -m tests.browser.host_killed`` has a page on each server, and on the two that live somebody who sends frames
without a browser and notes when packets come. It passes when the page of the dead server sees and is seen again within
10 s, and no video between the others stops for more than 200 ms, by the kernel's times of its packets.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass, field

from tests.browser.cluster import Cluster
from tests.browser.command import crowd_and_cluster, run_command
from tests.browser.marks import MARK_FRAMES, frame_times
from tests.browser.people import ARRIVAL_TIMEOUT, Crowd, Person, eventually
from tests.browser.witness import Witness, longest_gap_s

BACK_WITHIN_S = 10.0
MAX_GAP_S = 0.2
BEFORE_S = 5.0
"""How long it is looked before the kill: what a machine is late with by itself is seen there."""


@dataclass
class Flow:
    """Video from one of the others to another one, in seconds.

    Attributes:
        name: From whom to whom.
        gap: The longest time without a packet at the receiver.
        gap_before: The same in the time before the kill.
        delayed: By how much later the latest frame came than usual.
        sender_gap: The longest time without a frame at its sender.
    """

    name: str
    gap: float
    gap_before: float
    delayed: float
    sender_gap: float


@dataclass
class Outcome:
    """What was seen.

    Attributes:
        sees_again, is_seen_again: Seconds from the kill until frames flowed again, at the page of the dead server, and
            of it at a page of another one.
        flows: Between witnesses on the servers that lived.
        page_gaps: The longest time in which pages on the servers that lived showed no frame of each other.
    """

    sees_again: float
    is_seen_again: float
    flows: list[Flow] = field(default_factory=list)
    page_gaps: dict[str, float] = field(default_factory=dict)


@dataclass
class Call:
    """Three pages, each on a server of its own, and two witnesses on the last two servers."""

    cluster: Cluster
    pages: list[Person]
    witnesses: list[Witness]

    @classmethod
    async def begin(cls, crowd: Crowd, cluster: Cluster) -> Call:
        """Returns when everybody sees everybody."""
        names = ("Ana", "Bo", "Chi")
        pages = [await cluster.come(crowd, number, name, script=MARK_FRAMES) for number, name in enumerate(names)]
        joins = (Witness.join(cluster.servers[number], "one", f"witness-{number}", sends=True) for number in (1, 2))
        witnesses = list(await asyncio.gather(*joins))
        call = cls(cluster, pages, witnesses)
        await eventually(call._flows, ARRIVAL_TIMEOUT, cluster.logs)
        for page in pages:
            await page.wait_for_media(*(other for other in pages if other is not page))
        return call

    async def _flows(self) -> bool:
        one, other = self.witnesses
        return bool(one.packets(other.peer_id) and other.packets(one.peer_id))

    async def kill_first(self) -> Outcome:
        """Kills the first page's server; returns when the page is back, and a while has passed."""
        ana, bo, chi = self.pages
        await asyncio.sleep(BEFORE_S)
        old = [*await frame_times(ana, bo), *await frame_times(bo, ana)]
        killed_s = time.time()
        self.cluster.kill(0)

        async def is_back() -> bool:
            return None not in (await _first_of_new(ana, bo, old), await _first_of_new(bo, ana, old))

        await eventually(is_back, ARRIVAL_TIMEOUT, lambda: ana.describe("is not back"))
        sees, is_seen = await _first_of_new(ana, bo, old), await _first_of_new(bo, ana, old)
        assert sees is not None
        assert is_seen is not None
        await asyncio.sleep(max(0.0, killed_s + BACK_WITHIN_S - time.time()))
        outcome = Outcome(sees - killed_s, is_seen - killed_s)
        end_s = time.time() - 0.5  # what was sent in the last moment is under way
        one, other = self.witnesses
        outcome.flows = [_flow(one, other, killed_s, end_s), _flow(other, one, killed_s, end_s)]
        for sees_one, seen in ((bo, chi), (chi, bo)):
            times = [time_s for stream in (await frame_times(sees_one, seen)).values() for time_s in stream]
            gap_s = longest_gap_s(times, killed_s, end_s)
            outcome.page_gaps[f"{seen} at {sees_one}'s page"] = gap_s
        return outcome

    async def end(self) -> None:
        """The witnesses leave."""
        for witness in self.witnesses:
            await witness.close()


async def _first_of_new(sees: Person, seen: Person, old: list[str]) -> float | None:
    """When a page showed the first frame of a stream of somebody that is none of the old ones."""
    streams = await frame_times(sees, seen)
    return min((times[0] for stream, times in streams.items() if stream not in old), default=None)


def _flow(sender: Witness, receiver: Witness, killed_s: float, end_s: float) -> Flow:
    arrivals = receiver.arrivals(sender.peer_id)
    delays = receiver.delays(sender)
    usual = sorted(delay for sent_s, delay in delays if sent_s < killed_s)
    return Flow(
        f"{sender.peer_id} at {receiver.peer_id}",
        longest_gap_s(arrivals, killed_s, end_s),
        longest_gap_s(arrivals, killed_s - BEFORE_S, killed_s),
        max(delay for sent_s, delay in delays if sent_s >= killed_s) - usual[len(usual) // 2],
        longest_gap_s(sorted(sender.sent.values()), killed_s, end_s),
    )


def report(outcome: Outcome) -> bool:
    """Prints what was seen; whether it is good."""
    print(f"the dead server's page sees others again after {outcome.sees_again:.1f} s, and is seen after", end=" ")
    print(f"{outcome.is_seen_again:.1f} s")
    for flow in outcome.flows:
        print(
            f"{flow.name}: longest gap between packets {flow.gap * 1000:.0f} ms (before the kill "
            f"{flow.gap_before * 1000:.0f} ms, between frames at the sender {flow.sender_gap * 1000:.0f} ms); "
            f"the latest frame came {flow.delayed * 1000:.0f} ms later than usual"
        )
    for name, gap_s in outcome.page_gaps.items():
        print(f"{name}: longest gap between frames shown {gap_s * 1000:.0f} ms")
    back = max(outcome.sees_again, outcome.is_seen_again) <= BACK_WITHIN_S
    return back and all(flow.gap <= MAX_GAP_S for flow in outcome.flows)


async def run(arguments: argparse.Namespace) -> bool:
    """Measures and prints; whether it is good."""
    async with crowd_and_cluster() as (crowd, cluster):
        call = await Call.begin(crowd, cluster)
        outcome = await call.kill_first()
        await call.end()
    return report(outcome)


if __name__ == "__main__":
    run_command(argparse.ArgumentParser("tests.browser.host_killed", description=__doc__), run)
