"""The page of the cluster in Chromium: a room over two workers as it comes and goes, and what other hosts may say."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, Page, Route, expect

from miso.cluster.facts import NodeFact, ShardFact, WorkerLoad
from miso.cluster.room_facts import RoomFacts
from miso.cluster.shard.shard import PipeState
from miso.demo.operators.cluster_report import OwnShard, cluster_report
from tests.browser.people import Crowd
from tests.browser.server import DemoServer, running
from tests.cluster.said import participant

pytestmark = pytest.mark.asyncio(loop_scope="package")

MARKUP = "<img src=x onerror=window.hurt=1>"
SECRET = "of the höuse"
TO_THE_LEAST_LOADED = (
    "--worker-timeout",
    "60",
    "--spread-viewers-at",
    "0",
    "--spread-senders-at",
    "0",
    "--spread-gain",
    "0",
)


@asynccontextmanager
async def looking(browser: Browser, server: DemoServer, screen: dict[str, int] | None = None) -> AsyncIterator[Page]:
    """A page that looks at the cluster, once it is opened."""
    context = await browser.new_context(**({"viewport": screen} if screen else {}))  # type: ignore[arg-type]
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if "Content Security" in message.text else None)
    try:
        yield page
    finally:
        await context.close()
    assert problems == []


@dataclass
class Directory:
    """What a host knows of others that are meant ill."""

    node: str = "a-00000001"
    nodes: dict[str, NodeFact] = field(default_factory=dict)
    is_away: bool = True
    refused: Mapping[str, int] = field(default_factory=lambda: Counter({MARKUP: 3}))


@dataclass
class Room:
    name: str
    facts: RoomFacts
    own: dict[str, OwnShard]


def hostile_report() -> dict[str, object]:
    """What ``/api/cluster`` says when names are markup, addresses are scripts, and nothing is short."""
    facts, directory, pipes = RoomFacts(), Directory(), []
    for number in range(40):
        node = f"{MARKUP * 5}{number}"
        load = WorkerLoad(worker=number, cpu=1024, packets_per_s=1e9, shards=2**53)
        directory.nodes[node] = NodeFact(
            node=node,
            name=node,
            region=MARKUP,
            version=MARKUP,
            ip=MARKUP,
            url="javascript:window.hurt=1",
            workers=[load],
        )
        shard = ShardFact(shard=f"{MARKUP}{number}")
        facts.change(node, shard.key, shard)
        pipes.append(PipeState(shard.shard, number % 2 == 1, number % 3 == 1, True, 1, 1, 1))
    own = ShardFact(shard="own")
    facts.change(directory.node, own.key, own)
    person = participant(MARKUP, "own")
    facts.change(directory.node, person.key, person)
    return cluster_report(directory, [Room(MARKUP * 5, facts, {"own": OwnShard(None, 2**53, pipes)})])


async def test_a_room_in_two_workers_is_drawn_as_it_comes_and_goes(
    built_page: None, browser: Browser, crowd: Crowd
) -> None:
    async with (
        running(DemoServer(workers=2, arguments=TO_THE_LEAST_LOADED)) as server,
        looking(browser, server) as page,
    ):
        await page.goto(f"{server.url}cluster")
        await expect(page.get_by_text("Nobody is here")).to_be_visible()
        # what starting costs a worker is over: the one without a part has the least to do
        idle = re.compile(r"worker 0: 0 % of a core.*worker 1: 0 % of a core")
        await expect(page.get_by_role("img", name="Load of")).to_have_accessible_name(idle)
        ana, bo = await asyncio.gather(*(crowd.join(server.url, "tea", name) for name in ("Ana", "Bo")))
        await ana.wait_for_media(bo)
        await expect(page.get_by_role("heading", name="tea")).to_be_visible()
        await expect(page.get_by_role("img", name="Room tea: 2 parts")).to_be_visible()
        parts = page.get_by_role("listitem").filter(has_text="worker")
        for worker in (0, 1):
            await expect(parts.filter(has_text=f"worker {worker}: 1 participant").first).to_be_visible()
        await expect(page.get_by_text("media pipe to").first).to_contain_text("2 out, 2 in")
        await expect(page.get_by_role("heading", name="Hosts (1)")).to_be_visible()
        await expect(page.get_by_text("2 participants, 1 room · this host")).to_be_visible()
        load = page.get_by_role("img", name="Load of")
        for worker in (0, 1):
            await expect(load).to_have_accessible_name(_load_of(worker))
        await crowd.close()
        await expect(page.get_by_text("Nobody is here")).to_be_visible()


async def test_what_other_hosts_say_is_text_and_has_an_end(
    built_page: None, browser: Browser, server: DemoServer
) -> None:
    report = hostile_report()

    async def answer(route: Route) -> None:
        await route.fulfill(json={"success": True, "data": report})

    async with looking(browser, server, {"width": 360, "height": 640}) as page:
        await page.route("**/api/cluster", answer)
        await page.goto(f"{server.url}cluster/")
        await expect(page.get_by_role("heading", name="Hosts (40)")).to_be_visible()
        await expect(page.get_by_role("heading", name=MARKUP * 5, exact=True)).to_be_visible()
        await expect(page.get_by_role("alert")).to_contain_text("Redis does not answer")
        await expect(page.get_by_text(f"{MARKUP}: 3")).to_be_visible()
        assert await page.locator("path.pipe").count() == 40
        assert await page.locator("a").count() == 0
        assert await page.evaluate("window.hurt === undefined && document.querySelector('main img') === null")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360


async def test_another_host_is_linked_by_its_page(built_page: None, browser: Browser, server: DemoServer) -> None:
    directory = Directory(is_away=False)
    for name, url in (("b", "https://b.example.org:4443/miso"), ("c", ""), ("d", "data:text/html,x")):
        directory.nodes[name] = NodeFact(
            node=f"{name}-00000001", name=name, ip="10.0.0.1", url=url, draining=name == "c"
        )

    async def answer(route: Route) -> None:
        await route.fulfill(json={"success": True, "data": cluster_report(directory, [])})

    async with looking(browser, server) as page:
        await page.route("**/api/cluster", answer)
        await page.goto(f"{server.url}cluster/")
        link = page.get_by_role("link")
        await expect(link).to_have_count(1)
        await expect(link).to_have_attribute("href", "https://b.example.org:4443/miso/cluster/")
        await expect(page.get_by_text("draining")).to_have_count(1)


async def test_with_a_secret_it_shows_nothing_before_it_is_given(built_page: None, browser: Browser) -> None:
    server = DemoServer(arguments=("--live.operators.secret", SECRET, "--no-live"))
    async with running(server), looking(browser, server) as page:
        await page.goto(f"{server.url}cluster/")
        secret = page.get_by_label("Secret")
        await secret.fill("another")
        await secret.press("Enter")
        await expect(page.get_by_text("for operators")).to_be_visible()
        await expect(page.get_by_text("Nobody is here")).to_have_count(0)
        await secret.fill(SECRET)
        await secret.press("Enter")
        await expect(page.get_by_text("Nobody is here")).to_be_visible()


def _load_of(worker: int) -> re.Pattern[str]:
    return re.compile(rf"worker {worker}: \d+ % of a core, \d+ packets a second, 1 part of a room")
