"""Redis is away during a call over three servers: does anything stop, who comes in meanwhile, is all right afterwards?

``python -m tests.browser.redis_away --how kill --seconds 60`` has a page on each server, two on the first one, and two
who know to the packet when video comes. ``freeze`` stops Redis and lets it go on, ``kill`` ends it and starts an empty
one. Meanwhile

* people on one server, and over servers, write to each other;
* somebody new comes to a server that has people of the room, and sees everybody;
* somebody new comes to a server that has nobody of her room: her page says that it tries again, and comes in by itself
  when Redis is back.

It passes when no page left the room, no video between servers stopped for more than 500 ms by its packets, those who
came meanwhile and one who comes afterwards see everybody, and Redis and all servers hold the same, and the truth.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations

from tests.browser.call import ROOM, Call, Flow, page_gap_s
from tests.browser.cluster import Cluster
from tests.browser.command import crowd_and_cluster, run_command
from tests.browser.marks import MARK_FRAMES
from tests.browser.people import ARRIVAL_TIMEOUT, Crowd, Person, eventually

MAX_GAP_S = 0.5
_UNDER_WAY_S = 0.5
BEFORE_S = 5.0
MARK_PHASES = "window.phases = []; setInterval(() => phases.push(miso.state.phase), 50); undefined"
WATCHES = {"produce": "false"}
"""Sends nothing but words: two cores encode for all."""


@dataclass
class Outcome:
    """What was seen; times in seconds.

    Attributes:
        came_in: After Redis was back, until she was in who had been told to wait.
        told: What her page said meanwhile.
        agreed: After Redis was back, until the directory was right.
        flows: Between the witnesses, from when Redis went until the directory was right.
        page_gaps: The longest times without a frame in that span.
        left: Whose page left the room.
    """

    came_in: float = 0.0
    told: str = ""
    agreed: float = 0.0
    flows: list[Flow] = field(default_factory=list)
    page_gaps: dict[str, float] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not self.left and all(flow.gap <= MAX_GAP_S for flow in self.flows)


class Outage:
    """The call, and how Redis goes away and comes back.

    Args:
        crowd: People.
        call: What runs.
        how: ``freeze`` or ``kill``.
    """

    def __init__(self, crowd: Crowd, call: Call, how: str) -> None:
        self._crowd = crowd
        self._call = call
        self._cluster: Cluster = call.cluster
        self._how = how

    async def last(self, seconds: float) -> Outcome:
        """Takes Redis away for so long, and sees what happens, also afterwards."""
        outcome = Outcome()
        ana, bo, chi = self._call.pages
        dan = await self._cluster.come(self._crowd, 0, "Dan", ROOM, script=MARK_FRAMES, **WATCHES)
        fay = await self._cluster.come(self._crowd, 1, "Fay", "two", **WATCHES)
        await self._expect_tiles(dan, [ana, bo, chi])
        await fay.wait_until_joined()
        there = [ana, bo, chi, dan]
        for person in there:
            await person.page.evaluate(MARK_PHASES)
        await asyncio.sleep(BEFORE_S)
        begun_s = time.time()
        await self._take_away()
        await eventually(self._is_noticed, ARRIVAL_TIMEOUT, self._cluster.logs)
        await expect_words(ana, "to who is on my server", [dan])
        await expect_words(dan, "to all servers", [ana, bo, chi])
        eve = await self._cluster.come(self._crowd, 0, "Eve", ROOM, script=MARK_FRAMES, **WATCHES)
        await self._expect_tiles(eve, there)
        gil = await self._cluster.come(self._crowd, 2, "Gil", "two", **WATCHES)
        outcome.told = await told_to_wait(gil)
        await asyncio.sleep(max(0.0, begun_s + seconds - time.time()))
        assert not await gil.is_joined()
        await self._bring_back()
        back_s = time.time()
        await gil.wait_until_joined()
        outcome.came_in = time.time() - back_s
        await self._expect_tiles(gil, [fay])
        hal = await self._cluster.come(self._crowd, 1, "Hal", ROOM, script=MARK_FRAMES, **WATCHES)
        people = [*there, eve, hal]
        for person in (hal, bo, chi):
            await self._expect_tiles(person, [one for one in people if one is not person])
        end_s = time.time() - _UNDER_WAY_S
        outcome.flows = self._call.flows(begun_s, end_s, BEFORE_S)
        for sees, seen in permutations(self._call.pages, 2):
            outcome.page_gaps[f"{seen} at {sees}'s page"] = await page_gap_s(sees, seen, begun_s, end_s)
        outcome.left = [one.name for one in there if set(await one.page.evaluate("phases")) != {"joined"}]
        await self._call.end()
        await self._cluster.expect_agreement(ROOM, people)
        await self._cluster.expect_agreement("two", [fay, gil])
        outcome.agreed = time.time() - back_s
        return outcome

    async def _take_away(self) -> None:
        if self._how == "freeze":
            self._cluster.redis.freeze()
        else:
            await self._cluster.redis.kill()

    async def _bring_back(self) -> None:
        if self._how == "freeze":
            self._cluster.redis.thaw()
        else:
            await self._cluster.redis.start()

    async def _is_noticed(self) -> bool:
        return all(view["storeAway"] for view in await self._cluster.views())

    async def _expect_tiles(self, person: Person, others: Sequence[Person]) -> None:
        """Asserts that somebody knows these others, whether they send or not, and sees those who send."""
        ids = {await other.peer_id() for other in others}
        senders = [other for other in others if await other.is_sending()]

        async def known() -> bool:
            peers: list[str] = await person.page.evaluate("miso.state.peers.map(({id}) => id)")
            pictures = [await person.received(sender, "video") for sender in senders]
            return ids <= set(peers) and all(picture is not None and picture["frames"] for picture in pictures)

        async def describe() -> str:
            return f"{await person.describe(f'does not see {others}')}\n{await self._cluster.logs()}"

        await eventually(known, ARRIVAL_TIMEOUT, describe)


async def told_to_wait(person: Person) -> str:
    """What a page says that cannot come in since Redis is away; waits until it says so."""
    told: list[str] = []

    async def is_told() -> bool:
        problem = await person.page.evaluate("miso.state.problem")
        told[:] = [f"{problem['title']}: {problem['detail']}"] if problem is not None else []
        return bool(told) and "not known at the moment" in told[0]

    await eventually(is_told, ARRIVAL_TIMEOUT, lambda: person.describe(f"is told {told}"))
    return told[0]


async def expect_words(speaker: Person, text: str, listeners: Sequence[Person]) -> None:
    """Asserts that what somebody writes comes to others."""
    assert await speaker.page.evaluate("(text) => miso.client.chat.send(text)", text)

    async def all_have_read() -> bool:
        said = [await one.page.evaluate("miso.state.chat.messages.map(({text}) => text)") for one in listeners]
        return all(text in texts for texts in said)

    await eventually(all_have_read, ARRIVAL_TIMEOUT, lambda: speaker.describe(f"{text!r} is not read by {listeners}"))


async def run(arguments: argparse.Namespace) -> bool:
    """Measures and prints; whether it is good."""
    async with crowd_and_cluster() as (crowd, cluster):
        outage = Outage(crowd, await Call.begin(crowd, cluster), arguments.how)
        outcome = await outage.last(arguments.seconds)
    print(f"Redis: {arguments.how} for {arguments.seconds:.0f} s; pages that left the room: {outcome.left or 'none'}")
    for flow in outcome.flows:
        print(flow)
    for name, gap_s in outcome.page_gaps.items():
        print(f"{name}: longest gap between frames shown {gap_s * 1000:.0f} ms")
    print(f"who had to wait was told {outcome.told!r}, and was in {outcome.came_in:.1f} s after Redis was back")
    print(f"Redis and all servers agreed at the latest {outcome.agreed:.1f} s after Redis was back")
    return outcome.is_good


if __name__ == "__main__":
    parser = argparse.ArgumentParser("tests.browser.redis_away", description=__doc__)
    parser.add_argument("--how", choices=("freeze", "kill"), default="freeze", help="what is done to Redis")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long it is away")
    run_command(parser, run)
