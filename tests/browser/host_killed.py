"""One of three servers is killed in a call: how soon its page is back, and whether the others' video stands still.

``python -m tests.browser.host_killed`` has a page on each server, and on the two that live somebody who sends frames
without a browser and notes when packets come. It passes when the page of the dead server sees and is seen again within
10 s, and no video between the others stops for more than 200 ms, by the kernel's times of its packets.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass

from tests.browser.call import Call, Flow, page_gap_s
from tests.browser.command import crowd_and_cluster, run_command
from tests.browser.marks import frame_times
from tests.browser.people import ARRIVAL_TIMEOUT, Person, eventually

BACK_WITHIN_S = 10.0
MAX_GAP_S = 0.2
BEFORE_S = 5.0
"""How long it is looked before the kill: what a machine is late with by itself is seen there."""
_UNDER_WAY_S = 0.5


@dataclass(frozen=True)
class Outcome:
    """What was seen.

    Attributes:
        sees_again, is_seen_again: Seconds from the kill until frames flowed again: at the page of the dead server, and
            of it at a page of another one.
        flows: Between witnesses on the servers that lived.
        page_gaps: The longest time in which pages on the servers that lived showed no frame of each other, in seconds.
    """

    sees_again: float
    is_seen_again: float
    flows: list[Flow]
    page_gaps: dict[str, float]


async def kill_first(call: Call) -> Outcome:
    """Kills the first page's server; returns when the page is back, and time enough has passed."""
    ana, bo, chi = call.pages
    await asyncio.sleep(BEFORE_S)
    old = [*await frame_times(ana, bo), *await frame_times(bo, ana)]
    killed_s = time.time()
    call.cluster.kill(0)
    back: list[float] = []

    async def is_back() -> bool:
        firsts = [await _first_of_new(ana, bo, old), await _first_of_new(bo, ana, old)]
        back[:] = [first - killed_s for first in firsts if first is not None]
        return len(back) == len(firsts)

    await eventually(is_back, ARRIVAL_TIMEOUT, lambda: ana.describe("is not back"))
    await asyncio.sleep(max(0.0, killed_s + BACK_WITHIN_S - time.time()))
    end_s = time.time() - _UNDER_WAY_S
    gaps = {
        f"{seen} at {sees}'s page": await page_gap_s(sees, seen, killed_s, end_s)
        for sees, seen in ((bo, chi), (chi, bo))
    }
    return Outcome(back[0], back[1], call.flows(killed_s, end_s, BEFORE_S), gaps)


async def _first_of_new(sees: Person, seen: Person, old: list[str]) -> float | None:
    """When a page showed the first frame of a stream of somebody that is none of the old ones."""
    streams = await frame_times(sees, seen)
    return min((times[0] for stream, times in streams.items() if stream not in old), default=None)


async def run(arguments: argparse.Namespace) -> bool:
    """Measures and prints; whether it is good."""
    async with crowd_and_cluster() as (crowd, cluster):
        call = await Call.begin(crowd, cluster)
        outcome = await kill_first(call)
        await call.end()
    sees, is_seen = outcome.sees_again, outcome.is_seen_again
    print(f"the dead server's page sees others again after {sees:.1f} s, and is seen after {is_seen:.1f} s")
    for flow in outcome.flows:
        print(flow)
    for name, gap_s in outcome.page_gaps.items():
        print(f"{name}: longest gap between frames shown {gap_s * 1000:.0f} ms")
    return max(sees, is_seen) <= BACK_WITHIN_S and all(flow.gap <= MAX_GAP_S for flow in outcome.flows)


if __name__ == "__main__":
    run_command(argparse.ArgumentParser("tests.browser.host_killed", description=__doc__), run)
