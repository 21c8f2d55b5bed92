"""How long it takes from opening the signaling connection to the first frame of somebody on another host.

``python -m tests.browser.join_time --joins 12`` starts three servers with a Redis. Somebody sends from a page of the
first; at the second one page after another joins, sees the first frame, and leaves, half of them while nobody of the
room is on that server: then the room is made there first, and its pipe.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence

from tests.browser.cluster import Cluster
from tests.browser.command import crowd_and_cluster, run_command
from tests.browser.marks import MARK_FRAMES, MARK_JOINING, Joining, joining_of
from tests.browser.people import ARRIVAL_TIMEOUT, Crowd, eventually

WANTED_MS = 1000.0
IN_LOBBY_MS = 1500


async def join_times(crowd: Crowd, cluster: Cluster, joins: int, room: str) -> list[Joining]:
    """Lets pages join at the second server, one after the other; gives what it took."""
    return [await _join(crowd, cluster, room, f"Bo {number}") for number in range(joins)]


async def _join(crowd: Crowd, cluster: Cluster, room: str, name: str) -> Joining:
    before = await cluster.size_in_redis(room)
    newcomer = await cluster.come(crowd, 1, name, room, script=MARK_FRAMES + MARK_JOINING, autojoin="false")
    await newcomer.page.wait_for_timeout(IN_LOBBY_MS)
    await newcomer.click("Join the room")
    found: list[Joining] = []

    async def shows() -> bool:
        joining = await joining_of(newcomer)
        found.extend([joining] if joining is not None else [])
        return joining is not None

    async def is_as_before() -> bool:
        return await cluster.size_in_redis(room) == before

    await eventually(shows, ARRIVAL_TIMEOUT, lambda: newcomer.describe("sees nobody"))
    await newcomer.leave()
    await eventually(is_as_before, ARRIVAL_TIMEOUT, cluster.logs)
    return found[0]


def report(name: str, found: Sequence[Joining]) -> float:
    """Prints what it took; gives the 95th percentile in milliseconds."""
    by_time = sorted(found, key=lambda joining: joining.total)
    totals = [joining.total for joining in by_time]
    p50, p95 = statistics.median(totals), totals[min(len(totals) - 1, round(0.95 * len(totals)))]
    print(f"{name}: {len(totals)} joins, p50 {p50:.0f} ms, p95 {p95:.0f} ms, most {totals[-1]:.0f} ms")
    print(f"    steps of the one in the middle: {by_time[len(by_time) // 2]}")
    print(f"    steps of the slowest one: {by_time[-1]}")
    return p95


async def run(arguments: argparse.Namespace) -> bool:
    """Measures and prints; whether a join takes less than a second."""
    async with crowd_and_cluster() as (crowd, cluster):
        ana = await cluster.come(crowd, 0, "Ana")
        await ana.wait_until_sending()
        cold = await join_times(crowd, cluster, arguments.joins - arguments.joins // 2, "one")
        chi = await cluster.come(crowd, 1, "Chi")
        await chi.wait_for_media(ana)
        warm = await join_times(crowd, cluster, arguments.joins // 2, "one")
    slowest = [report("nobody of the room on that host", cold), report("somebody of the room on that host", warm)]
    return max(slowest) < WANTED_MS


if __name__ == "__main__":
    parser = argparse.ArgumentParser("tests.browser.join_time", description=__doc__)
    parser.add_argument("--joins", type=int, default=24, help="how many in all")
    run_command(parser, run)
