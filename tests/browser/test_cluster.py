"""Three servers with one Redis, and a page on each: one room, also when a server drains or is killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.people import ARRIVAL_TIMEOUT, Crowd, Person, eventually
from tests.browser.server import DemoServer
from tests.cluster.directory.redis.redis_server import RedisServer

pytestmark = pytest.mark.asyncio(loop_scope="package")


class Cluster:
    """Three servers, each with one worker and a loopback address of its own for pipes."""

    def __init__(self, redis: RedisServer) -> None:
        self.servers = [DemoServer(workers=1) for _ in "abc"]
        for number, server in enumerate(self.servers, 2):
            server.flags += (
                *("--redis", redis.url, "--node-name", f"host-{number}", "--cluster-address", f"127.0.0.{number}"),
                *("--public-url", server.url, "--drain-timeout", "1"),
            )


@pytest_asyncio.fixture(loop_scope="package")
async def cluster(built_page: None) -> AsyncIterator[list[DemoServer]]:
    redis = RedisServer()
    await redis.start()
    servers = Cluster(redis).servers
    await asyncio.gather(*(server.start() for server in servers))

    async def know_each_other() -> bool:
        async with httpx.AsyncClient(trust_env=False) as http:
            pages = await asyncio.gather(*(http.get(f"http://127.0.0.1:{server.port}/") for server in servers))
        return all(page.headers["content-security-policy"].count("ws://") == len(servers) for page in pages)

    async def logs() -> str:
        return "\n".join(server.log for server in servers)

    await eventually(know_each_other, ARRIVAL_TIMEOUT, logs)
    yield servers
    await asyncio.gather(*(server.stop() for server in servers))
    await redis.close()


async def came(crowd: Crowd, server: DemoServer, name: str) -> Person:
    """Somebody in the room, whose page keeps to the policy that the server sends with it."""
    query = urlencode({"roomId": "one", "displayName": name})
    return await crowd.open(f"{server.url}?{query}", name, policy=True)


async def is_joined(person: Person) -> bool:
    return await person.phase() == "joined"


async def test_pages_of_all_servers_see_hear_and_write_to_each_other(crowd: Crowd, cluster: list[DemoServer]) -> None:
    people = [await came(crowd, server, name) for server, name in zip(cluster, ("Ana", "Bo", "Chi"), strict=True)]
    await asyncio.gather(*(one.expect_media(*(other for other in people if other is not one)) for one in people))
    ana, _, chi = people
    for person in people:
        await person.click("Chat")
    field = ana.page.get_by_role("complementary", name="Chat").get_by_role("textbox", name="Message")
    await expect(field).to_have_attribute("placeholder", "Write to everybody")
    await field.fill("From far away")
    await field.press("Enter")
    for person in people:
        await expect(person.page.get_by_role("log")).to_contain_text("From far away")
    await field.fill("@bot are you there?")
    await field.press("Enter")
    await expect(chi.page.get_by_role("log")).to_contain_text("are you there?")


async def test_who_was_on_a_killed_server_is_back_on_another_one(crowd: Crowd, cluster: list[DemoServer]) -> None:
    ana, bo = await came(crowd, cluster[0], "Ana"), await came(crowd, cluster[1], "Bo")
    await asyncio.gather(ana.wait_for_media(bo), bo.wait_for_media(ana))
    for pid in (*cluster[0].worker_pids, cluster[0].pid):
        os.kill(pid, signal.SIGKILL)

    async def is_away() -> bool:
        return not await is_joined(ana)

    await eventually(is_away, ARRIVAL_TIMEOUT, lambda: ana.describe("does not notice"))
    await eventually(lambda: is_joined(ana), ARRIVAL_TIMEOUT, lambda: ana.describe("is not back"))
    await asyncio.gather(ana.expect_media(bo), bo.expect_media(ana))
    await expect(bo.tiles).to_have_count(1)


async def test_a_server_that_ends_sends_its_page_to_another_one_first(crowd: Crowd, cluster: list[DemoServer]) -> None:
    ana, bo = await came(crowd, cluster[0], "Ana"), await came(crowd, cluster[1], "Bo")
    await asyncio.gather(ana.wait_for_media(bo), bo.wait_for_media(ana))
    assert await cluster[0].stop() == 0
    await asyncio.gather(ana.expect_media(bo), bo.expect_media(ana))
    assert "draining: 1 are told" in cluster[0].log
